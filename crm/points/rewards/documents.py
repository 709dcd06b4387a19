"""Rewards, offers and redemptions as the API and the console show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, or_, select

from crm.db import db
from crm.http.pagination import decode, page
from crm.http.problems import say
from crm.points.models import PointsAccount
from crm.points.rewards import catalogue
from crm.points.rewards.models import Reward, RewardRedemption
from crm.points.rewards.offers import Offer

PLAIN = (
    "id", "kind", "sku", "coupon_template", "points", "tier_prices", "stock", "redeemed",
    "per_member_limit", "starts_at", "ends_at", "ended_at", "created_at", "updated_at",
    "created_by",
)  # fmt: skip
OF_REDEMPTION = (
    "id", "reward_id", "points", "tier", "state", "redeemed_at", "redeemed_by", "handed_over_at",
    "handed_over_by", "cancelled_at", "cancelled_by", "cancel_reason",
)  # fmt: skip
# Who has what the record took: itself, or whom it was merged into.
HOLDER = func.coalesce(PointsAccount.merged_into, PointsAccount.member_id)
REDEMPTIONS = (
    select(RewardRedemption, Reward.names, Reward.kind, HOLDER.label("holder"))
    .join(Reward, Reward.id == RewardRedemption.reward_id)
    .join(PointsAccount, PointsAccount.member_id == RewardRedemption.member_id)
)


def reward(one: Reward, now: datetime) -> dict[str, Any]:
    """A reward with its counter."""
    return {name: getattr(one, name) for name in PLAIN} | {
        "name": one.names,
        "description": one.descriptions,
        "state": one.state_at(now),
        "stock_left": None if one.stock is None else one.stock - one.redeemed,
    }


def offer(one: Offer, now: datetime) -> dict[str, Any]:
    """A reward as a member may have it, with reasons in the reader's language."""
    return {
        "reward": reward(one.reward, now),
        "points": one.points,
        "redeemable": not one.reasons,
        "reasons": [
            {"code": why.code, "detail": say(why.detail, why.facts), "facts": why.facts}
            for why in one.reasons
        ],
    }


def redemption(redemption_id: UUID) -> dict[str, Any]:
    """One redemption, which exists."""
    query = REDEMPTIONS.where(RewardRedemption.id == redemption_id)
    return _redemption(db.session.execute(query.execution_options(populate_existing=True)).one())


def of_member(member_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of what a member took, and of records that were merged into him; newest first."""
    whose = or_(PointsAccount.member_id == member_id, PointsAccount.merged_into == member_id)
    return _page(REDEMPTIONS.where(whose), limit, cursor)


def of_reward(reward_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of who took a reward, the newest first. Raises `RewardNotFound`."""
    catalogue.get(reward_id)
    return _page(REDEMPTIONS.where(RewardRedemption.reward_id == reward_id), limit, cursor)


def _page(query, limit: int, cursor: str | None) -> dict[str, Any]:
    after = decode(cursor, UUID)
    if after:
        query = query.where(RewardRedemption.id < after[0])
    query = query.order_by(RewardRedemption.id.desc()).limit(limit + 1)
    rows: Sequence[Row] = db.session.execute(query.execution_options(populate_existing=True)).all()
    found = page(rows, limit, lambda row: (str(row.RewardRedemption.id),))
    return found | {"data": [_redemption(row) for row in found["data"]]}


def _redemption(row: Row) -> dict[str, Any]:
    made = row.RewardRedemption
    return {name: getattr(made, name) for name in OF_REDEMPTION} | {
        "name": row.names,
        "kind": row.kind,
        "member_id": row.holder,
        "coupon": made.coupon_code,
    }
