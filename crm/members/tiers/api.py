"""The ladder over HTTP. Every change is a new version and is audited."""

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, needs, principal
from crm.members.tiers import ladders
from crm.members.tiers.announcing import announce
from crm.members.tiers.schemas import LadderIn, LadderQuery

blp = Blueprint("tiers", __name__, description="The ladder of tiers, and who stands where.")


@blp.get("/tiers")
@needs("programme:read")
@blp.arguments(LadderQuery, location="query")
@blp.response(200, LadderIn)
def read_ladder(query):
    """The ladder in force, now or at another instant. The lowest tier stands first."""
    return ladders.document_at(query["at"] or clock.now())


@blp.put("/tiers")
@needs("programme:write")
@blp.arguments(LadderIn)
@blp.response(200, LadderIn)
def change_ladder(body):
    """Write a new version of the ladder.

    What is left out stays as it is in the version in force at `effective_at` (now by default); a
    list that is given replaces the old one. `version`, if given, must be the one in force. Members
    rise at once; nobody falls before the end of his period.
    """
    with transaction():
        ladder = ladders.change(body, actor=principal(), now=clock.now())
        announce(ladder)
        return ladders.document_of(ladder)
