"""Lookup, profile and timeline over HTTP: what only the rooms together know."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.http import Blueprint, needs, principal
from crm.http.pagination import PageQuery
from crm.members import profiles
from crm.overview import finding, profile, timeline
from crm.overview.schemas import LookupIn, LookupOut, ProfileOut, TimelinePage

blp = Blueprint("overview", __name__, description="Members from all sides.")


@blp.post("/members/lookup")
@needs("members:read")
@blp.arguments(LookupIn)
@blp.response(200, LookupOut)
def look_up(body: dict[str, Any]):
    """Find a member by anything staff type: number, phone or its end, e-mail, order, name, pinyin.

    This store's first, then the most recently seen.
    """
    store = body["store"] or principal().store
    found = finding.find(body["q"], store=store, now=clock.now())
    return {"data": found.hits, "shape": found.shape, "more": found.more}


@blp.get("/members/<uuid:member_id>/profile")
@needs("members:read")
@blp.response(200, ProfileOut)
def read_profile(member_id: UUID):
    """A member from all sides. Parts that the key may not see are null."""
    return profile.read(member_id, permissions=principal().permissions, now=clock.now())


@blp.get("/members/<uuid:member_id>/timeline")
@needs("members:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, TimelinePage)
def read_timeline(query: dict[str, Any], member_id: UUID):
    """What happened, newest first: orders, refunds, points, coupons, tiers, consents, notes …"""
    profiles.require(member_id)
    return timeline.read(
        member_id, query["limit"], query["cursor"], permissions=principal().permissions
    )
