"""The ladder over HTTP as it is read; it is written where the coupons of its tiers are known."""

from crm import clock, versions
from crm.http import Blueprint, needs
from crm.http.pagination import PageQuery, decode, page, page_of
from crm.members.tiers import ladder_history, ladders
from crm.members.tiers.schemas import LadderIn, LadderQuery, LadderVersionOut

blp = Blueprint("tiers", __name__, description="The ladder of tiers, and who stands where.")


@blp.get("/tiers")
@needs("programme:read")
@blp.arguments(LadderQuery, location="query")
@blp.response(200, LadderIn)
def read_ladder(query):
    """The ladder in force, now or at another instant. The lowest tier stands first."""
    return ladders.document_at(query["at"] or clock.now())


@blp.get("/tiers/versions")
@needs("programme:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(LadderVersionOut))
def list_ladder_versions(query):
    """Every version of the ladder, the latest to take effect first.

    `state`: in_force, announced (its time has not come), past, or replaced (a later one for the
    same instant was written).
    """
    (number,) = decode(query["cursor"], int) or (None,)
    rows = versions.after(ladder_history.versions(clock.now()), number)
    limit = query["limit"]
    found = page(rows[: limit + 1], limit, lambda item: (item.row.version,))
    return found | {"data": [_version(item) for item in found["data"]]}


def _version(item):
    row = item.row
    stamps = {"state": item.state, "created_by": row.created_by, "created_at": row.created_at}
    return ladder_history.document_of(row) | stamps
