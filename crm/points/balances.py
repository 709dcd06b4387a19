"""Reading the ledger: balances at any instant, and a member's entries. Nothing here waits for jobs.

Spendable at an instant: lots with available_at <= instant < expires_at, whatever sweeps have run.
A debt is paid by what becomes spendable, at that instant, whether or not the release has run.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.http.pagination import decode, page

MOST_INSTANTS = 200

NOW = text("""
    SELECT a.debt, a.lifetime_earned, l.available_at, l.expires_at, l.opened_by, l.remaining
    FROM points_account a
    LEFT JOIN points_lot l ON l.member_id = a.member_id AND l.remaining > 0
        AND (l.expires_at IS NULL OR l.expires_at > :now)
    WHERE a.member_id = :member
""")

# The past as it was: lots opened by then, with what had been moved by then.
THEN = text("""
    WITH lots AS (
        SELECT l.available_at, l.expires_at, l.opened_by, l.size + coalesce((
            SELECT sum(m.points) FROM points_movement m
            JOIN points_entry e ON e.member_id = m.member_id AND e.seq = m.seq
            WHERE m.member_id = l.member_id AND m.lot_id = l.id AND e.occurred_at <= :at), 0
            )::bigint AS remaining
        FROM points_lot l
        JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
        WHERE l.member_id = :member AND o.occurred_at <= :at
    ), said AS (
        SELECT coalesce(sum(points), 0) AS balance,
               coalesce(sum(points) FILTER (WHERE kind IN ('earn', 'award')), 0) AS earned
        FROM points_entry WHERE member_id = :member AND occurred_at <= :at
    )
    SELECT (coalesce((SELECT sum(remaining) FROM lots), 0) - s.balance)::bigint AS debt,
           s.earned::bigint AS lifetime_earned,
           l.available_at, l.expires_at, l.opened_by, l.remaining
    FROM said s LEFT JOIN lots l ON l.remaining > 0 AND (l.expires_at IS NULL OR l.expires_at > :at)
""")

ENTRIES = text("""
    SELECT points_entry_document(e) AS document, e.seq FROM points_entry e
    WHERE e.member_id = :member AND e.seq < :before ORDER BY e.seq DESC LIMIT :limit
""")

OPEN_LOTS = text("""
    SELECT l.id, l.opened_by, l.size, l.remaining, l.available_at, l.expires_at,
           e.source_type, e.source_id, e.occurred_at
    FROM points_lot l JOIN points_entry e ON e.member_id = l.member_id AND e.seq = l.opened_by
    WHERE l.member_id = :member AND l.remaining > 0
      AND (l.expires_at IS NULL OR l.expires_at > :now)
    ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id LIMIT :limit
""")


class Lot(NamedTuple):
    """Points that share one expiry, and when they become spendable (None: on a release only)."""

    available_at: datetime | None
    expires_at: datetime | None
    opened_by: int
    remaining: int

    def is_valid(self, at: datetime) -> bool:
        """Whether it has not lapsed by then."""
        return self.expires_at is None or self.expires_at > at

    def is_released(self, at: datetime) -> bool:
        """Whether its points may be spent by then."""
        return self.available_at is not None and self.available_at <= at


def balance(member_id: UUID, at: datetime, *, now: datetime) -> dict[str, Any]:
    """A member's points at an instant: the past as it was, the future as it will be if nothing
    else happens (releases, lapses and debts included).

    Keys: available, pending, held, debt, lifetime_earned (points), expiring, pending_release
    (lists by instant, from `at` on).
    """
    statement = THEN if at < now else NOW
    rows = db.session.execute(statement, {"member": member_id, "at": at, "now": now}).all()
    found = [Lot(*row[2:]) for row in rows if row.remaining is not None]
    debt, earned = (rows[0].debt, rows[0].lifetime_earned) if rows else (0, 0)
    lots, debt = _paid(found, debt, min(at, now), at)
    valid = [lot for lot in lots if lot.remaining and lot.is_valid(at)]
    spendable = [lot for lot in valid if lot.is_released(at)]
    waiting = [lot for lot in valid if not lot.is_released(at)]
    return {
        "available": sum(lot.remaining for lot in spendable),
        "pending": sum(lot.remaining for lot in waiting),
        "held": 0,
        "debt": debt,
        "lifetime_earned": earned,
        "expiring": [
            {"expires_at": one, "points": points}
            for one, points in _by_instant((lot.expires_at, lot.remaining) for lot in spendable)
        ],
        "pending_release": [
            {"available_at": one, "points": points}
            for one, points in _by_instant((lot.available_at, lot.remaining) for lot in waiting)
        ],
    }


def _paid(lots: list[Lot], debt: int, start: datetime, at: datetime) -> tuple[list[Lot], int]:
    """The lots at `at`, and what is left of the debt that they pay as they become spendable."""
    if debt <= 0:
        return lots, 0
    left = []
    never = datetime.max.replace(tzinfo=at.tzinfo)
    order = [(max(lot.available_at or never, start), lot.expires_at or never, lot) for lot in lots]
    for released, _, lot in sorted(order, key=lambda item: (*item[:2], item[2].opened_by)):
        pays = min(debt, lot.remaining) if released <= at and lot.is_valid(released) else 0
        debt -= pays
        left.append(lot._replace(remaining=lot.remaining - pays))
    return left, debt


def _by_instant(pairs: Iterable[tuple[datetime | None, int]]) -> list[tuple[datetime, int]]:
    """Sums by instant, the earliest first; what has no instant is left out."""
    sums: Counter[datetime] = Counter()
    for at, points in pairs:
        if at is not None:
            sums[at] += points
    return sorted(sums.items())[:MOST_INSTANTS]


def entries(member_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of a member's entries, newest first, each with its lots."""
    after = decode(cursor, int)
    before = after[0] if after else 2**31 - 1
    rows = db.session.execute(
        ENTRIES, {"member": member_id, "before": min(before, 2**31 - 1), "limit": limit + 1}
    ).all()
    found = page(rows, limit, lambda row: (row.seq,))
    return found | {"data": [row.document for row in found["data"]]}


def open_lots(member_id: UUID, *, now: datetime, limit: int = 50) -> list[dict[str, Any]]:
    """A member's lots that still hold points, in the order in which they are spent."""
    rows = db.session.execute(OPEN_LOTS, {"member": member_id, "now": now, "limit": limit})
    return [dict(row) for row in rows.mappings()]
