"""Rewards over HTTP: the catalogue, what a member may have of it, and what he took."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.pagination import PageQuery, decode, page
from crm.members import identity, profiles
from crm.points.rewards import catalogue, documents, offers, redeeming, trail
from crm.points.rewards.schemas import (
    CancelRewardIn,
    HandOverRewardIn,
    RedeemRewardIn,
    RewardIn,
    RewardOfferPage,
    RewardOut,
    RewardPage,
    RewardPatch,
    RewardQuery,
    RewardRedemptionOut,
    RewardRedemptionPage,
    columns,
)

blp = Blueprint("rewards", __name__, description="Coupons, goods and gifts for points.")


@blp.get("/rewards")
@needs("rewards:read")
@blp.arguments(RewardQuery, location="query")
@blp.response(200, RewardPage)
def list_rewards(query: dict[str, Any]):
    """The catalogue, the newest first, with what was redeemed and what is left."""
    now = clock.now()
    found = _listed(query, now)
    return found | {"data": [documents.reward(one, now) for one in found["data"]]}


@blp.post("/rewards")
@needs("rewards:manage")
@idempotent
@blp.arguments(RewardIn)
@blp.response(201, RewardOut)
def create_reward(body: dict[str, Any]):
    """Put a reward into the catalogue."""
    now = clock.now()
    return documents.reward(catalogue.create(columns(body, now), now=now), now)


@blp.get("/rewards/<uuid:id>")
@needs("rewards:read")
@blp.response(200, RewardOut)
def get_reward(id: UUID):
    """One reward."""
    return documents.reward(catalogue.get(id), clock.now())


@blp.patch("/rewards/<uuid:id>")
@needs("rewards:manage")
@blp.arguments(RewardPatch)
@blp.response(200, RewardOut)
def change_reward(body: dict[str, Any], id: UUID):
    """Change what is named; `ended` takes it out of the catalogue."""
    now = clock.now()
    with transaction():
        return documents.reward(catalogue.change(id, columns(body, now), now=now), now)


@blp.post("/rewards/<uuid:id>/redemptions")
@needs("rewards:write")
@idempotent
@blp.arguments(RedeemRewardIn)
@blp.response(201, RewardRedemptionOut)
def redeem_reward(body: dict[str, Any], id: UUID):
    """Take the points and give the reward, in one: at the price of the member's tier."""
    now = clock.now()
    member_id = identity.require(identity.parse_ref(body["member"], at="/member"))
    made = redeeming.redeem(id, member_id, by=principal().name, now=now)
    trail.note("redeemed", made, now=now)
    return documents.redemption(made.id)


@blp.get("/rewards/<uuid:id>/redemptions")
@needs("rewards:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, RewardRedemptionPage)
def list_redemptions(query: dict[str, Any], id: UUID):
    """Who took the reward, the newest first."""
    return documents.of_reward(id, query["limit"], query["cursor"])


@blp.get("/reward-redemptions/<uuid:id>")
@needs("rewards:read")
@blp.response(200, RewardRedemptionOut)
def get_redemption(id: UUID):
    """One redemption of a reward."""
    return documents.redemption(redeeming.find(id).id)


@blp.post("/reward-redemptions/<uuid:id>/cancel")
@needs("rewards:write")
@idempotent
@blp.arguments(CancelRewardIn)
@blp.response(200, RewardRedemptionOut)
def cancel_redemption(body: dict[str, Any], id: UUID):
    """Give the points back, with their own expiry, and take the reward back. Once: then as it is.

    Refused when the coupon was used, is in a cart or has expired, and when it was handed over.
    """
    now = clock.now()
    was = redeeming.find(id).state
    made = redeeming.cancel(id, by=principal().name, now=now, reason=body["reason"])
    if made.state != was:
        trail.note("cancelled", made, now=now)
    return documents.redemption(id)


@blp.post("/reward-redemptions/<uuid:id>/hand-over")
@needs("rewards:write")
@idempotent
@blp.arguments(HandOverRewardIn)
@blp.response(200, RewardRedemptionOut)
def hand_over(body: dict[str, Any], id: UUID):
    """Note that the member has got the good or gift. It can't be cancelled from then on."""
    now = clock.now()
    was = redeeming.find(id).state
    made = redeeming.hand_over(id, by=principal().name, now=now)
    if made.state != was:
        trail.note("handed_over", made, now=now)
    return documents.redemption(id)


@blp.get("/members/<uuid:member_id>/rewards")
@needs("rewards:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, RewardOfferPage)
def member_offers(query: dict[str, Any], member_id: UUID):
    """The rewards that can be had now, each with this member's price and all that hinders him."""
    profiles.require(member_id)
    now = clock.now()
    found = _listed(query | {"state": "open"}, now)
    told = offers.of_member(member_id, found["data"], now)
    return found | {"data": [documents.offer(one, now) for one in told]}


@blp.get("/members/<uuid:member_id>/reward-redemptions")
@needs("rewards:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, RewardRedemptionPage)
def member_redemptions(query: dict[str, Any], member_id: UUID):
    """What a member took for points, the newest first."""
    profiles.require(member_id)
    return documents.of_member(member_id, query["limit"], query["cursor"])


def _listed(query: dict[str, Any], now) -> dict[str, Any]:
    """A page of rewards as they stand."""
    after = decode(query["cursor"], UUID)
    rows = catalogue.listed(
        query["limit"] + 1, after[0] if after else None, open_at=now if query["state"] else None
    )
    return page(rows, query["limit"], lambda row: (str(row.id),))
