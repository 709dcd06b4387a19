"""Rewards and their redemptions, in and out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.members.schemas import MemberRefIn
from crm.points.rewards.models import KINDS, STATES

MOST = 1_000_000_000
MOST_PRICES = 20

RewardNames = Schema.from_dict(
    {
        "en": fields.Text(100, required=True),
        "zh-Hans": fields.Text(100),
        "zh-Hant": fields.Text(100),
    },
    name="RewardNames",
)
RewardDescriptions = Schema.from_dict(
    {
        "en": fields.Text(1000, required=True),
        "zh-Hans": fields.Text(1000),
        "zh-Hant": fields.Text(1000),
    },
    name="RewardDescriptions",
)


class RewardPatch(Schema):
    """What can be changed of a reward. Who redeemed it before keeps what he got.

    `points`: the price. `tier_prices`: points by code of a tier; it holds for the tiers above,
    too, up to the next that has one. `stock` and `per_member_limit` count what was not cancelled;
    null: no bound. It can be had from `starts_at` (inclusive) until `ends_at` (exclusive), unless
    `ended` by hand. `coupon_template` is for the kind coupon, `sku` for goods and gifts.
    """

    name = fields.Nested(RewardNames)
    description = fields.Nested(RewardDescriptions, allow_none=True)
    sku = fields.Text(100, allow_none=True)
    coupon_template = fields.Id()
    points = fields.points(1)
    tier_prices = fields.Mapping(keys=fields.code(32), values=fields.points(1), high=MOST_PRICES)
    stock = fields.Whole(0, MOST, allow_none=True)
    per_member_limit = fields.Whole(1, 1_000_000, allow_none=True)
    starts_at = fields.Instant(allow_none=True)
    ends_at = fields.Instant(allow_none=True)
    ended = fields.Flag()


class RewardIn(RewardPatch):
    """A new reward: a coupon, a good, or a gift."""

    kind = fields.Choice(*KINDS, required=True)
    name = fields.Nested(RewardNames, required=True)
    points = fields.points(1, required=True)


def columns(body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The columns of a reward that a body names."""
    found = dict(body)
    for field, column in (("name", "names"), ("description", "descriptions")):
        if field in found:
            found[column] = found.pop(field)
    if "ended" in found:
        found["ended_at"] = now if found.pop("ended") else None
    return found


class RewardOut(RewardIn):
    """A reward. `state` is announced, open, sold_out or ended.

    `redeemed` counts what was not cancelled; `stock_left`: null without a stock.
    """

    id = fields.Id()
    coupon_template = fields.Id(allow_none=True)
    state = fields.Choice("announced", "open", "sold_out", "ended")
    redeemed = fields.Whole()
    stock_left = fields.Whole(allow_none=True)
    ended_at = fields.Instant(allow_none=True)
    created_at = fields.Instant()
    updated_at = fields.Instant()
    created_by = fields.Text()

    class Meta:
        exclude = ("ended",)


RewardPage = page_of(RewardOut)


class RewardQuery(PageQuery):
    """Only rewards that can be had now (sold out or not), or all."""

    state = fields.Choice("open", load_default=None)


class RewardReasonOut(Schema):
    """One thing that keeps a member from a reward, with the facts of that refusal."""

    code = fields.Text()
    detail = fields.Text()
    facts = fields.Mapping()


class RewardOfferOut(Schema):
    """A reward as a member may have it now: for `points`, if `redeemable`."""

    reward = fields.Nested(RewardOut)
    points = fields.points()
    redeemable = fields.Flag()
    reasons = fields.Items(fields.Nested(RewardReasonOut))


RewardOfferPage = page_of(RewardOfferOut)


class RedeemRewardIn(Schema):
    """Who redeems."""

    member = fields.Nested(MemberRefIn, required=True)


class CancelRewardIn(Schema):
    """Why, if there is anything to say."""

    body_optional = True

    reason = fields.Text(200, load_default=None, allow_none=True)


class HandOverRewardIn(Schema):
    """Nothing more needs to be said."""

    body_optional = True


class RewardRedemptionOut(Schema):
    """A reward that a member took. `state` is redeemed, handed_over or cancelled.

    `member_id` is the record that has it now. `coupon`: the code that was issued; `tier`: the one
    whose price was paid.
    """

    id = fields.Id()
    reward_id = fields.Id()
    name = fields.Nested(RewardNames)
    kind = fields.Choice(*KINDS)
    member_id = fields.Id()
    points = fields.points()
    tier = fields.Text()
    coupon = fields.Text(allow_none=True)
    state = fields.Choice(*STATES)
    redeemed_at = fields.Instant()
    redeemed_by = fields.Text()
    handed_over_at = fields.Instant(allow_none=True)
    handed_over_by = fields.Text(allow_none=True)
    cancelled_at = fields.Instant(allow_none=True)
    cancelled_by = fields.Text(allow_none=True)
    cancel_reason = fields.Text(allow_none=True)


RewardRedemptionPage = page_of(RewardRedemptionOut)
