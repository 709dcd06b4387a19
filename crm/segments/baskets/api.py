"""The API of baskets: what to suggest to a member."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.http import Blueprint, needs
from crm.members import profiles
from crm.segments.baskets import suggesting
from crm.segments.baskets.schemas import SuggestionQuery, SuggestionsOut

blp = Blueprint("baskets", __name__, description="What customers buy next.")


@blp.get("/members/<uuid:member_id>/suggestions")
@needs("segments:read")
@blp.arguments(SuggestionQuery, location="query")
@blp.response(200, SuggestionsOut)
def list_suggestions(query: dict[str, Any], member_id: UUID):
    """Products that customers like this member buy next, best first, each with its reason.

    Within a `category`, what he buys again and again comes first.
    """
    profiles.require(member_id)
    found = suggesting.suggest(member_id, query["limit"], clock.now(), category=query["category"])
    return {"data": [document(each) for each in found]}


def document(found: suggesting.Suggestion) -> dict[str, Any]:
    """A suggestion as the contract shows it."""
    because = {"sku": found.because_sku, "name": found.because_name}
    return {
        "sku": found.sku,
        "name": found.name,
        "category": found.category,
        "basis": found.basis,
        "because": because if found.because_sku else None,
        "confidence": found.confidence,
        "lift": found.lift,
    }
