"""Giving back what was spent: into the lots that it came from, with their own expiry, never twice.

Works inside the caller's transaction, locks the member's account and writes entries: an `Account`
that the caller has in memory must be written before and read again after.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from crm.db import db
from crm.http.problems import Contended
from crm.members import profiles
from crm.points import rulebook
from crm.points.accounts import lock_accounts
from crm.points.errors import RedemptionNotFound, RedemptionReversed, RestoreExceedsSpent
from crm.points.rewards.errors import SpentOnReward

SPENT = text("""
    SELECT member_id, seq, -points AS points, source_type, source_id,
           coalesce(data ->> 'reference', source_id) AS reference
    FROM points_entry WHERE id = :id AND kind IN ('redeem', 'capture')
""")
LEFT = text("""
    SELECT -e.points - coalesce((
        SELECT sum(r.points) FROM points_restore r
        WHERE r.member_id = e.member_id AND r.spent_seq = e.seq), 0)::bigint
    FROM points_entry e
    WHERE e.member_id = :member AND e.seq = :seq AND e.kind IN ('redeem', 'capture')
""")
LIVE = text("SELECT coalesce(merged_into, member_id) FROM points_account WHERE member_id = :member")
RESTORE = text("""
    SELECT (points_restore_spent(
        :member, :spent, :into, :points, :now, :type, :id, :grace, :actor, :reason,
        jsonb_strip_nulls(jsonb_build_object('reference', CAST(:reference AS text))))).seq
""")


@dataclass(frozen=True, slots=True)
class Restored:
    """Points given back, to whom, and the seq of his entry that says so."""

    member_id: UUID
    points: int
    seq: int


def left(member_id: UUID, spent_seq: int) -> int:
    """How many points of a spending entry (redeem, capture) were not given back yet."""
    found = db.session.execute(LEFT, {"member": member_id, "seq": spent_seq}).scalar()
    assert found is not None, "only what was spent can be given back"
    return found


def restore(
    member_id: UUID,
    spent_seq: int,
    points: int,
    *,
    source: tuple[str, str],
    now: datetime,
    reference: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> Restored:
    """Give back `points` > 0 of the spending entry `spent_seq`: as if fewer had been spent.

    Those spent last come back first. Any split of restores ends in the same lots. Points of lots
    that lapsed meanwhile follow the programme in force: a grace (a new lot, valid through the day
    `grace_days` from now), or they lapse again at once. When the member was merged, who has his
    points now gets them back, in lots of the same expiry. Raises `RestoreExceedsSpent`.
    """
    assert points > 0
    taker = _locked(member_id)
    most = left(member_id, spent_seq)
    if points > most:
        raise RestoreExceedsSpent(pointer="/points", restorable=most)
    seq = db.session.execute(
        RESTORE,
        {
            "member": member_id, "spent": spent_seq, "into": taker, "points": points, "now": now,
            "type": source[0], "id": source[1], "grace": _grace(taker, now), "actor": actor,
            "reason": reason, "reference": reference,
        },
    ).scalar_one()  # fmt: skip
    return Restored(taker, points, seq)


def reverse(
    entry_id: UUID, points: int | None = None, *, now: datetime, actor: str | None = None
) -> Restored:
    """Take back a redemption or a capture, whole (what is left of it) or in part.

    Raises `RedemptionNotFound`, `SpentOnReward`, `RedemptionReversed`, `RestoreExceedsSpent`.
    """
    spent = db.session.execute(SPENT, {"id": entry_id}).one_or_none()
    if spent is None:
        raise RedemptionNotFound()
    if spent.source_type == "reward":
        raise SpentOnReward(reward_redemption=spent.source_id)
    _locked(spent.member_id)
    most = left(spent.member_id, spent.seq)
    if not most:
        raise RedemptionReversed(points_given_back=spent.points)
    return restore(
        spent.member_id,
        spent.seq,
        most if points is None else points,
        source=("reversal", str(entry_id)),
        now=now,
        reference=spent.reference,
        actor=actor,
    )


def _locked(member_id: UUID) -> UUID:
    """Who has this member's points now, his account locked.

    Raises `Contended` when that changed while we waited.
    """
    taker = db.session.execute(LIVE, {"member": member_id}).scalar_one()
    lock_accounts([taker])
    if db.session.execute(LIVE, {"member": member_id}).scalar_one() != taker:
        raise Contended(retry_after=1)
    return taker


def _grace(member_id: UUID, now: datetime) -> datetime | None:
    """Until when points of lapsed lots are valid again: a local midnight; None: not at all."""
    programme = rulebook.load().programme_at(now)
    if programme.refund.restore_lapsed != "grace":
        return None
    known = profiles.facts([member_id], default_zone=programme.timezone).get(member_id)
    zone = ZoneInfo(known.zone if known else programme.timezone)
    last = now.astimezone(zone).date() + timedelta(days=programme.refund.grace_days)
    return datetime.combine(last + timedelta(days=1), time(), zone)
