"""Another time for points that are pending: an order was delivered, or released by a call."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.points.accounts import stir


def retime(lots: Sequence[tuple[UUID, int, datetime | None, str, str]], *, now: datetime) -> None:
    """Move the release of pending lots: (member, seq of opening, available_at, zone, expiry).

    Lots with a policy of their own lapse by that. What becomes spendable pays its member's debt.
    The accounts are locked.
    """
    if not lots:
        return
    members, seqs, available, zones, expiries = zip(*lots, strict=True)
    moved = db.session.execute(
        text("""
            UPDATE points_lot l
            SET available_at = s.available_at,
                released_at = CASE WHEN s.available_at <= :now THEN s.available_at END,
                expires_at = points_expiry(coalesce(l.lasts, s.expiry), s.available_at, s.zone)
            FROM unnest(CAST(:members AS uuid[]), CAST(:seqs AS integer[]),
                        CAST(:available AS timestamptz[]), CAST(:zones AS text[]),
                        CAST(:expiries AS jsonb[])) AS s (id, seq, available_at, zone, expiry)
            WHERE l.member_id = s.id AND l.opened_by = s.seq AND l.released_at IS NULL
              AND (l.available_at IS NULL OR l.available_at > :now)
            RETURNING l.member_id, l.idle_months IS NOT NULL AS idle
        """),
        {
            "members": list(members),
            "seqs": list(seqs),
            "available": list(available),
            "zones": list(zones),
            "expiries": list(expiries),
            "now": now,
        },
    )
    idle = sorted({row.member_id for row in moved if row.idle})
    if idle:  # counted from its release, a lot must not lapse before the others do
        stir(dict.fromkeys(idle), now)
    due = {lot[0] for lot in lots if lot[2] is not None and lot[2] <= now}
    if due:
        db.session.execute(
            text("""
                SELECT points_absorb(member_id, :now) FROM points_account
                WHERE member_id = ANY (:members) AND debt > 0
            """),
            {"members": sorted(due), "now": now},
        )
