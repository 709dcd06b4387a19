"""The liability over HTTP."""

from crm import clock
from crm.http import Blueprint, needs
from crm.points import liability
from crm.points.liability_schemas import LiabilityOut
from crm.points.schemas import AsOfQuery

blp = Blueprint("liability", __name__, description="What the shop owes its members in points.")


@blp.get("/points/liability")
@needs("ledger:read")
@blp.arguments(AsOfQuery, location="query")
@blp.response(200, LiabilityOut)
def get_liability(query: dict):
    """What all members hold at an instant: points, money, months of expiry, expected breakage."""
    now = clock.now()
    return liability.report(query["as_of"] or now, now=now)
