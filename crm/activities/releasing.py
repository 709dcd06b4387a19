"""What comes of a referral: both sides' points once the friend's first order can't come back.

Everything is read from the orders as they are, under their locks, so the order in which they,
their refunds and their deliveries arrived makes no difference. Once for ever by source key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from crm.activities import orders, referrals
from crm.activities.models import Referral
from crm.activities.referrals import ACTIVITY
from crm.db import db
from crm.http.principal import SYSTEM, Principal
from crm.members import fingerprints, identity
from crm.members.tiers.days import local_day, midnight
from crm.orders.kept import Kept
from crm.points import awarding, rulebook
from crm.points.accounts import lock_accounts
from crm.points.acts import REFEREE, REFERRER, Act
from crm.points.awarding import Asked
from crm.points.rule import Rule

# Whom the two records of a referral are today: themselves, or those they were merged into.
TODAY = text("""
    SELECT m.id AS record, t.id AS member FROM member m
    JOIN member t ON t.id = coalesce(m.merged_into, m.id) AND t.status = 'active'
    WHERE m.id = ANY (:ids)
""")
OTHERS_RELEASED = text("""
    SELECT 1 FROM referral r JOIN member m ON m.id = r.referee_id
    WHERE coalesce(m.merged_into, m.id) = :friend AND r.state = 'released' LIMIT 1
""")
OPEN = text("""
    SELECT r.referee_id, coalesce(m.merged_into, m.id) AS friend
    FROM referral r JOIN member m ON m.id = r.referee_id
    WHERE r.state = 'open' AND r.referee_id > :after ORDER BY r.referee_id LIMIT :limit
""")
FRIENDS = text("""
    SELECT count(*) FROM referral
    WHERE referrer_id = ANY (:selves) AND state = 'released' AND NOT capped
      AND settled_at >= :start AND settled_at < :end
""")
FRIENDS_OF = text("""
    SELECT coalesce(m.merged_into, m.id) FROM referral r JOIN member m ON m.id = r.referee_id
    WHERE r.referrer_id = :referrer
""")
MONTH_CAP = "referrals_per_month"
FIRST_ID = UUID(int=0)
CHUNK = 1000


def due(now: datetime, limit: int, after: UUID = FIRST_ID) -> tuple[list[UUID], UUID | None]:
    """Of the next `limit` open referrals those that can be settled now, and where to go on."""
    rows = _windows(now, limit, after)
    ready = [record for record, end in rows if end is not None and end <= now]
    return ready, rows[-1][0] if len(rows) == limit else None


def earliest(now: datetime) -> datetime | None:
    """When the next return window of an open referral ends."""
    found: list[datetime] = []
    rows = _windows(now, CHUNK, FIRST_ID)
    while rows:
        found += [end for _, end in rows if end is not None]
        rows = _windows(now, CHUNK, rows[-1][0])
    return min(found, default=None)


def _windows(now: datetime, limit: int, after: UUID) -> list[tuple[UUID, datetime | None]]:
    """The next open referrals, and when the window of each friend's first order ends, if any."""
    rows = db.session.execute(OPEN, {"after": after, "limit": limit}).all()
    firsts = orders.first_paid({row.friend for row in rows}, now)
    ends = {one: orders.window_ends(order) for one, order in firsts.items()}
    return [(row.referee_id, ends.get(row.friend)) for row in rows]


class Pair(NamedTuple):
    """The members that the two of a referral are today."""

    friend: UUID
    referrer: UUID


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word that a referral which was laid aside is a good one."""

    actor: Principal
    note: str | None


def settle(referee_id: UUID, *, now: datetime, approval: Approval | None = None) -> Referral:
    """Release, void or lay aside one referral, if it is time; else leave it as it is.

    In the caller's transaction; locks the order, both accounts ascending, then the referral.
    Raises `ReferralNotFound`; with an approval, `OwnReferral` and `ReferralDecided`.
    """
    pair = _today(referrals.require(referee_id))
    first = pair and orders.first_paid([pair.friend], now).get(pair.friend)
    if pair and first:
        orders.lock(first.id)
        lock_accounts(pair)
    referral = referrals.require(referee_id, lock=True)
    if approval is not None:
        referrals.check_decision(referral, approval.actor, ("review",))
        referrals.decide(referral, approval.note, actor=approval.actor, now=now)
    elif referral.state != "open":
        return referral
    if pair is None:
        _close(referral, "void", now, reason="member_gone")
    elif first is not None:
        order = orders.first_paid([pair.friend], now).get(pair.friend)
        if order is not None and order.id == first.id:  # else the next run sees what came meanwhile
            _judge(referral, pair, order, approval, now)
    db.session.flush()
    return referral


def _today(referral: Referral) -> Pair | None:
    """Who the two are; None when one of them is no member any more."""
    ids = [referral.referee_id, referral.referrer_id]
    rows = db.session.execute(TODAY, {"ids": ids})
    members = {row.record: row.member for row in rows}
    if len(members) < 2:
        return None
    return Pair(members[referral.referee_id], members[referral.referrer_id])


def approve(referee_id: UUID, note: str | None, *, actor: Principal, now: datetime) -> Referral:
    """Let a referral that waits for a person give what was promised, if its order still stands.

    Raises `ReferralNotFound`, `OwnReferral`, `ReferralDecided`.
    """
    referral = settle(referee_id, now=now, approval=Approval(actor, note))
    referrals.record(referral, "referral.approved", now=now)
    return referral


def _judge(
    referral: Referral, pair: Pair, order: Kept, approval: Approval | None, now: datetime
) -> None:
    """What the friend's first order makes of a referral. Everything is locked."""
    ends = orders.window_ends(order)
    if approval is None and (ends is None or ends > now):
        return
    referral.order_id = order.id
    if pair.friend == pair.referrer or db.session.scalar(OTHERS_RELEASED, {"friend": pair.friend}):
        _close(referral, "void", now, reason="same_person")
    elif not orders.stands(order):
        _close(referral, "void", now, reason="order_refunded")
    elif approval is None and (flags := _flags(referral, pair, now)):
        referral.state, referral.flags = "review", flags
    else:
        _release(referral, pair, approval.actor.name if approval else SYSTEM.name, now)


def _close(referral: Referral, state: str, now: datetime, *, reason: str | None = None) -> None:
    referral.state, referral.reason, referral.settled_at = state, reason, now


def _flags(referral: Referral, pair: Pair, now: datetime) -> list[str]:
    """Why the two, or two friends of one referrer, may be one person; nothing if nobody asks."""
    settings = rulebook.load().programme_at(now).activities.referral
    if not settings.review_flagged:
        return []
    friends = db.session.scalars(FRIENDS_OF, {"referrer": referral.referrer_id})
    flags = {
        "shared_with_referrer": [pair.referrer],
        "shared_with_other_friend": [one for one in friends if one != pair.friend],
    }
    return [name for name, ids in flags.items() if fingerprints.are_shared(pair.friend, ids)]


def _release(referral: Referral, pair: Pair, actor: str, now: datetime) -> None:
    book = rulebook.load()
    rules = [book.rule(UUID(one["rule_id"]), one["version"]) for one in referral.promised]
    referral.capped = _has_enough(pair.referrer, now)
    none = MONTH_CAP if referral.capped else ""
    _give(referral, REFERRER, pair.referrer, rules, actor, now, none)
    friends = [rule for rule in rules if rule.referee_points]
    if friends:
        _give(referral, REFEREE, pair.friend, friends, actor, now, "")
    _close(referral, "released", now)


def _has_enough(referrer_id: UUID, now: datetime) -> bool:
    """Whether the referrer's friends of this local month are as many as count."""
    most = rulebook.load().programme_at(now).activities.referral.per_referrer_month
    if most is None:
        return False
    zone = awarding.facts_of(referrer_id, now).zone
    assert isinstance(zone, ZoneInfo), "members' zones have names"
    start = local_day(now, zone).replace(day=1)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    selves = identity.selves(referrer_id)
    window = {"start": midnight(start, zone), "end": midnight(end, zone)}
    return (db.session.scalar(FRIENDS, {"selves": selves, **window}) or 0) >= most


def _give(
    referral: Referral,
    role: str,
    member_id: UUID,
    rules: Sequence[Rule],
    actor: str,
    now: datetime,
    none: str,
) -> None:
    key = f"{referral.referee_id}:{role}"
    asked, facts = Asked(ACTIVITY, key, role=role, actor=actor), awarding.facts_of(member_id, now)
    if awarding.find(member_id, asked, now, facts) is None:
        act = Act(ACTIVITY, now, facts, role=role)
        awarding.grant(member_id, asked, key, rules, act, none=none)
