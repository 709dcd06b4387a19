"""A reward is redeemed, handed over, or cancelled: points, stock and coupon change together."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from crm.coupons import issuing, redemption, returning
from crm.coupons.errors import CouponExpired, ReservedElsewhere
from crm.db import db
from crm.http.fields import instant_text
from crm.http.problems import Contended
from crm.ids import uuid7
from crm.members import profiles
from crm.members.tiers import storage
from crm.points import holds, restoring, taking
from crm.points.accounts import lock_accounts
from crm.points.rewards import catalogue, offers
from crm.points.rewards.errors import (
    NothingToHandOver,
    RewardCancelled,
    RewardHandedOver,
    RewardRedemptionNotFound,
)
from crm.points.rewards.models import Reward, RewardRedemption

SPENT, RESTORED = "reward", "reward_cancelled"  # the sources of the entries
ACCOUNT = text("SELECT coalesce(merged_into, member_id) FROM points_account WHERE member_id = :id")


def redeem(
    reward_id: UUID, member_id: UUID, *, by: str, now: datetime, id: UUID | None = None
) -> RewardRedemption:
    """Take a reward for points, at the price of the member's tier.

    `id`: the redemption's, where the caller has one; with one that is known nothing happens again.
    Raises `MemberNotFound`, `RewardNotFound`, `RewardEnded`, `RewardNotYetAvailable`,
    `RewardOutOfStock`, `RewardLimitReached`, `InsufficientPoints`, and for coupons what
    `issuing.issue` raises.
    """
    profiles.require(member_id)
    lock_accounts([member_id])
    profiles.require(member_id, to_write=True)
    earlier = db.session.get(RewardRedemption, id) if id is not None else None
    if earlier is not None and (earlier.reward_id, earlier.member_id) == (reward_id, member_id):
        return earlier
    available = holds.spendable(member_id, now)
    reward = catalogue.lock(reward_id)
    tier = offers.tier_of(member_id, now)
    points = offers.price(reward, tier, storage.ladder_at(now))
    times = offers.had(member_id, [reward_id])[reward_id]
    for refused in offers.reasons(reward, points, times=times, available=available, now=now):
        raise refused
    made = RewardRedemption(
        id=id or uuid7(), reward_id=reward_id, member_id=member_id, points=points, tier=tier,
        state="redeemed", redeemed_at=now, redeemed_by=by,
    )  # fmt: skip
    taken = taking.spend(member_id, points, source=(SPENT, str(made.id)), now=now, actor=by)
    assert taken.points == points, "what is spendable can be spent"
    assert taken.seq is not None
    made.spent_seq = taken.seq
    made.coupon_code = _issue(reward, made, now)
    reward.redeemed += 1
    db.session.add(made)
    db.session.flush()
    return made


def _issue(reward: Reward, made: RewardRedemption, now: datetime) -> str | None:
    if reward.coupon_template is None:
        return None
    return issuing.issue(
        reward.coupon_template,
        made.member_id,
        occasion=f"reward:{made.id}",
        now=now,
        source=(SPENT, str(made.id)),
        bought_with_points=True,
    ).code


def cancel(
    redemption_id: UUID, *, by: str, now: datetime, reason: str | None = None
) -> RewardRedemption:
    """Give the points back into their lots, the piece back to the stock, and void the coupon.

    What was cancelled stays so. Raises `RewardRedemptionNotFound`, `RewardHandedOver`, and for a
    coupon that is used, in a cart, or past its last day: `AlreadyUsed`, `ReservedElsewhere`,
    `CouponExpired`.
    """
    made = _locked(redemption_id)
    if made.state == "cancelled":
        return made
    if made.handed_over_at is not None:
        raise RewardHandedOver(handed_over_at=instant_text(made.handed_over_at))
    reward = catalogue.lock(made.reward_id)
    if made.coupon_code is not None:
        _take_back(made.coupon_code, now)
    back = restoring.restore(
        made.member_id,
        made.spent_seq,
        made.points,
        source=(RESTORED, str(made.id)),
        now=now,
        actor=by,
        reason=reason,
    )
    reward.redeemed -= 1
    made.state, made.cancelled_at, made.cancelled_by = "cancelled", now, by
    made.cancel_reason = reason
    made.restored_to, made.restored_seq = back.member_id, back.seq
    db.session.flush()
    return made


def _take_back(code: str, now: datetime) -> None:
    """Void a coupon that can still be used; one that was taken back by hand is void already."""
    coupons, _ = redemption.lock([code])
    coupon = coupons[code]
    if coupon.is_reserved(now):
        assert coupon.reserved_until is not None
        raise ReservedElsewhere(reserved_until=instant_text(coupon.reserved_until))
    if coupon.state_at(now) == "expired":
        assert coupon.expires_at is not None
        raise CouponExpired(expired_at=instant_text(coupon.expires_at))
    returning.void(code, reason=RESTORED, now=now)


def hand_over(redemption_id: UUID, *, by: str, now: datetime) -> RewardRedemption:
    """Note that the member has got the good or gift; from then on it can't be cancelled.

    What was handed over stays so. Raises `RewardRedemptionNotFound`, `NothingToHandOver`,
    `RewardCancelled`.
    """
    made = _locked(redemption_id)
    if made.coupon_code is not None:
        raise NothingToHandOver()
    if made.cancelled_at is not None:
        raise RewardCancelled(cancelled_at=instant_text(made.cancelled_at))
    if made.handed_over_at is None:
        made.state, made.handed_over_at, made.handed_over_by = "handed_over", now, by
        db.session.flush()
    return made


def find(redemption_id: UUID) -> RewardRedemption:
    """A redemption as it stands. Raises `RewardRedemptionNotFound`."""
    found = db.session.get(RewardRedemption, redemption_id, populate_existing=True)
    if found is None:
        raise RewardRedemptionNotFound()
    return found


def _locked(redemption_id: UUID) -> RewardRedemption:
    """A redemption, locked after the account of who has its member's points now.

    Raises `Contended` when a merge changed who that is while we waited.
    """
    member_id = find(redemption_id).member_id
    holder = holder_of(member_id)
    lock_accounts([holder])
    if holder_of(member_id) != holder:
        raise Contended(retry_after=1)
    query = select(RewardRedemption).filter_by(id=redemption_id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def holder_of(member_id: UUID) -> UUID:
    """Who has the points of a member who has an account: he, or whom he was merged into."""
    return db.session.execute(ACCOUNT, {"id": member_id}).scalar_one()
