"""The ladder is written over HTTP here, for what its tiers bring are coupons."""

from crm import clock
from crm.coupons.benefits import ladder
from crm.db import transaction
from crm.http import Blueprint, needs, principal
from crm.members.tiers import ladders
from crm.members.tiers.schemas import LadderIn

blp = Blueprint("ladder", __name__, description="Changing the ladder of tiers.")


@blp.put("/tiers")
@needs("programme:write")
@blp.arguments(LadderIn)
@blp.response(200, LadderIn)
def change_ladder(body):
    """Write a new version of the ladder.

    What is left out stays as it is in the version in force at `effective_at` (now by default); a
    list that is given replaces the old one. `version`, if given, must be the one in force. Members
    rise at once; nobody falls before the end of his period. `birthday_coupon` and
    `monthly_coupons` name coupon templates by id.
    """
    with transaction():
        written = ladder.change(body, actor=principal(), now=clock.now())
        return ladders.document_of(written)
