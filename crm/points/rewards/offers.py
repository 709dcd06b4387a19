"""What a reward costs a member, and all that keeps him from it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.errors import Refused
from crm.http.fields import instant_text
from crm.members.tiers import storage
from crm.members.tiers.ladder import Ladder
from crm.points import balances
from crm.points.errors import InsufficientPoints
from crm.points.rewards.errors import (
    RewardEnded,
    RewardLimitReached,
    RewardNotYetAvailable,
    RewardOutOfStock,
)
from crm.points.rewards.models import Reward

# What records that were merged into him took counts as his.
HAD = text("""
    SELECT r.reward_id, count(*) AS times
    FROM points_account a JOIN reward_redemption r ON r.member_id = a.member_id
    WHERE (a.member_id = :member OR a.merged_into = :member) AND r.state <> 'cancelled'
      AND r.reward_id = ANY (:rewards)
    GROUP BY r.reward_id
""")


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as one member may have it: for so many points, unless there are reasons."""

    reward: Reward
    points: int
    reasons: Sequence[Refused]


def price(reward: Reward, tier: str, ladder: Ladder) -> int:
    """What a holder of a tier pays: what is said for it, or for the nearest tier beneath it that
    has a price of its own, or what everybody pays."""
    prices = {ladder.rank(code): points for code, points in _current(reward, ladder).items()}
    mine = [rank for rank in prices if rank <= ladder.rank(tier)]
    return prices[max(mine)] if mine else reward.points


def _current(reward: Reward, ladder: Ladder) -> Mapping[str, int]:
    """The prices by codes of this ladder; a price for a code that stands there goes first."""
    moved = {ladder.resolve(code): points for code, points in reward.tier_prices.items()}
    return moved | {
        code: points for code, points in reward.tier_prices.items() if code in ladder.ranks
    }


def tier_of(member_id: UUID, now: datetime) -> str:
    """The code of the tier that a member holds, as far as it has been decided."""
    return storage.shown_many([member_id], now)[member_id].code


def had(member_id: UUID, rewards: Sequence[UUID]) -> Counter[UUID]:
    """How often a member has redeemed each of these rewards, cancelled ones left out."""
    rows = db.session.execute(HAD, {"member": member_id, "rewards": list(rewards)})
    return Counter({row.reward_id: row.times for row in rows})


def reasons(
    reward: Reward, points: int, *, times: int, available: int, now: datetime
) -> Iterator[Refused]:
    """All that keeps a member from a reward who has redeemed it `times` before."""
    if reward.over_at is not None and reward.over_at <= now:
        yield RewardEnded(ended_at=instant_text(reward.over_at))
    elif reward.starts_at is not None and reward.starts_at > now:
        yield RewardNotYetAvailable(starts_at=instant_text(reward.starts_at))
    if reward.stock is not None and reward.redeemed >= reward.stock:
        yield RewardOutOfStock(stock=reward.stock)
    if reward.per_member_limit is not None and times >= reward.per_member_limit:
        yield RewardLimitReached(limit=reward.per_member_limit)
    if available < points:
        yield InsufficientPoints(required=points, available=available, missing=points - available)


def of_member(member_id: UUID, rewards: Sequence[Reward], now: datetime) -> list[Offer]:
    """What these rewards are to a member now. Three statements, whatever the number."""
    tier, ladder = tier_of(member_id, now), storage.ladder_at(now)
    times = had(member_id, [one.id for one in rewards])
    available = balances.balance(member_id, now, now=now)["available"]
    found = []
    for one in rewards:
        points = price(one, tier, ladder)
        why = reasons(one, points, times=times[one.id], available=available, now=now)
        found.append(Offer(one, points, list(why)))
    return found
