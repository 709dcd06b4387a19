"""The catalogue: rewards are made, changed, ended."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm import audit
from crm.coupons import templates
from crm.coupons.errors import TemplateNotFound
from crm.db import db
from crm.errors import N_, FieldError, Invalid
from crm.http.principal import principal
from crm.members.tiers import ladders
from crm.points.rewards.errors import RewardNotFound
from crm.points.rewards.models import Reward

SETTINGS = (
    "kind", "names", "descriptions", "sku", "coupon_template", "points", "tier_prices", "stock",
    "per_member_limit", "starts_at", "ends_at", "ended_at",
)  # fmt: skip


def create(values: Mapping[str, Any], *, now: datetime) -> Reward:
    """Put a reward of these columns into the catalogue. Raises `Invalid` for what is wrong."""
    reward = Reward(
        tier_prices={}, redeemed=0, created_at=now, updated_at=now, created_by=principal().name
    )
    _write(reward, values, now)
    db.session.add(reward)
    db.session.flush()
    audit.record("reward.created", "reward", reward.id, now=now, after=shown(reward))
    return reward


def change(reward_id: UUID, values: Mapping[str, Any], *, now: datetime) -> Reward:
    """Write the columns named; what was redeemed before stays as it was.

    Raises `RewardNotFound`, `Invalid`.
    """
    reward = lock(reward_id)
    before = shown(reward)
    _write(reward, values, now)
    after = shown(reward)
    if after != before:
        reward.updated_at = now
        audit.record("reward.changed", "reward", reward_id, now=now, before=before, after=after)
    db.session.flush()
    return reward


def get(reward_id: UUID) -> Reward:
    """One reward as it stands. Raises `RewardNotFound`."""
    found = db.session.get(Reward, reward_id, populate_existing=True)
    if found is None:
        raise RewardNotFound()
    return found


def lock(reward_id: UUID) -> Reward:
    """One reward under lock, read after the lock was got. Raises `RewardNotFound`."""
    query = select(Reward).filter_by(id=reward_id).with_for_update()
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise RewardNotFound()
    return found


def listed(
    limit: int, before: UUID | None = None, *, open_at: datetime | None = None
) -> list[Reward]:
    """Rewards, the newest first; only those that can be had at `open_at`, sold out or not."""
    query = select(Reward).order_by(Reward.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Reward.id < before)
    if open_at is not None:
        query = query.where(
            Reward.starts_at.is_(None) | (Reward.starts_at <= open_at),
            Reward.ends_at.is_(None) | (Reward.ends_at > open_at),
            Reward.ended_at.is_(None) | (Reward.ended_at > open_at),
        )
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def _write(reward: Reward, values: Mapping[str, Any], now: datetime) -> None:
    with db.session.no_autoflush:
        known_tiers = set(reward.tier_prices)
        for name, value in values.items():
            setattr(reward, name, value)
        found = [*_kind(reward), *_window(reward), *_tiers(reward, known_tiers, now)]
        if found:
            raise Invalid(found)


def _kind(reward: Reward) -> Iterator[FieldError]:
    if reward.kind == "coupon":
        if reward.sku is not None:
            text = N_("Only goods and gifts have a SKU.")
            yield FieldError("/sku", "not_for_this_kind", text)
        if reward.coupon_template is None:
            text = N_("Say which coupon the member gets.")
            yield FieldError("/coupon_template", "coupon_template_missing", text)
        elif not templates.many([reward.coupon_template]):
            yield FieldError("/coupon_template", TemplateNotFound.code, TemplateNotFound.detail)
    elif reward.coupon_template is not None:
        text = N_("Only a reward of the kind coupon gives one.")
        yield FieldError("/coupon_template", "not_for_this_kind", text)


def _window(reward: Reward) -> Iterator[FieldError]:
    start, end = reward.starts_at, reward.ends_at
    if start is not None and end is not None and start >= end:
        yield FieldError("/ends_at", "empty_window", N_("The end must come after the start."))
    if reward.stock is not None and reward.stock < reward.redeemed:
        text = N_("{redeemed} have been redeemed already.")
        yield FieldError("/stock", "below_redeemed", text, {"redeemed": reward.redeemed})


def _tiers(reward: Reward, known: set[str], now: datetime) -> Iterator[FieldError]:
    """Codes that an older ladder had may stay."""
    ranks = ladders.load().at(now).ranks
    for code in reward.tier_prices:
        if code not in ranks and code not in known:
            text = N_("No tier has the code {code}.")
            yield FieldError(f"/tier_prices/{code}", "unknown_tier", text, {"code": code})


def shown(reward: Reward) -> dict[str, Any]:
    """What can be set of a reward, as the audit keeps it."""
    return {name: _plain(getattr(reward, name)) for name in SETTINGS}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
