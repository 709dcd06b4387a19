"""Reading the ledger: balances at any instant, and a member's entries. Nothing here waits for jobs.

Spendable at an instant: lots with available_at <= instant < expires_at, whatever sweeps have run.
What is held at an instant is not available; a hold ends at its own end, a debt is paid by what
becomes spendable, at that instant, whether or not a job has run.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.http.pagination import decode, page
from crm.points.foresight import Lot, Part, held_of, paid

MOST_INSTANTS = 200

NOW = text("""
    SELECT a.debt, a.lifetime_earned, a.holds > 0 OR a.debt > 0 AS holding,
           CASE WHEN a.debt > 0 THEN (
               SELECT e.occurred_at FROM points_entry e
               WHERE e.member_id = a.member_id AND e.data ? 'debt' ORDER BY e.seq DESC LIMIT 1
           ) END AS since,
           l.id, l.available_at, l.expires_at, l.opened_by, l.remaining
    FROM points_account a
    LEFT JOIN points_lot l ON l.member_id = a.member_id AND l.remaining > 0
        AND (a.debt > 0 OR l.expires_at IS NULL OR l.expires_at > :now)
    WHERE a.member_id = :member
""")

# The past as it was: lots opened by then, with what had been moved by then.
THEN = text("""
    WITH lots AS (
        SELECT l.id, l.available_at, points_expiry_then(l, :at) AS expires_at, l.opened_by,
               l.size + coalesce((
            SELECT sum(m.points) FROM points_movement m
            JOIN points_entry e ON e.member_id = m.member_id AND e.seq = m.seq
            WHERE m.member_id = l.member_id AND m.lot_id = l.id AND e.occurred_at <= :at), 0
            )::bigint AS remaining
        FROM points_lot l
        JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
        WHERE l.member_id = :member AND o.occurred_at <= :at
    ), said AS (
        SELECT coalesce(sum(points), 0) AS balance,
               coalesce(sum(CASE WHEN kind IN ('earn', 'award') THEN points
                                 WHEN kind = 'merge' THEN (data ->> 'earned')::bigint END), 0)
                   AS earned,
               (array_agg(occurred_at ORDER BY seq DESC) FILTER (WHERE data ? 'debt'))[1] AS since
        FROM points_entry WHERE member_id = :member AND occurred_at <= :at
    )
    SELECT (coalesce((SELECT sum(remaining) FROM lots), 0) - s.balance)::bigint AS debt,
           s.earned::bigint AS lifetime_earned, true AS holding, s.since,
           l.id, l.available_at, l.expires_at, l.opened_by, l.remaining
    FROM said s LEFT JOIN lots l ON l.remaining > 0
""")

PARTS = text("""
    SELECT x.lot_id, x.points, coalesce(h.resolved_at, h.expires_at) AS until
    FROM points_hold h JOIN points_hold_lot x ON x.hold_id = h.id
    WHERE h.member_id = :member AND h.created_at <= :start
      AND coalesce(h.resolved_at, h.expires_at) > :since
      AND (h.state <> 'captured' OR h.resolved_at > :start)
""")

ENTRIES = text("""
    SELECT points_entry_document(e) AS document, e.seq FROM points_entry e
    WHERE e.member_id = :member AND e.seq < :before ORDER BY e.seq DESC LIMIT :limit
""")

ENTRY = text("""
    SELECT points_entry_document(e) FROM points_entry e
    WHERE e.member_id = :member AND e.seq = :seq
""")

OPEN_LOTS = text("""
    SELECT l.id, l.opened_by, l.size, l.remaining, l.available_at, l.expires_at,
           e.source_type, e.source_id, e.occurred_at
    FROM points_lot l JOIN points_entry e ON e.member_id = l.member_id AND e.seq = l.opened_by
    WHERE l.member_id = :member AND l.remaining > 0
      AND (l.expires_at IS NULL OR l.expires_at > :now)
    ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id LIMIT :limit
""")


def balance(member_id: UUID, at: datetime, *, now: datetime) -> dict[str, Any]:
    """A member's points at an instant: the past as it was, the future as it will be if nothing
    else happens (releases, lapses, ends of holds and debts included).

    Keys: available, pending, held, debt, lifetime_earned (points), expiring, pending_release
    (lists by instant, from `at` on).
    """
    start = min(at, now)
    statement = THEN if at < now else NOW
    rows = db.session.execute(statement, {"member": member_id, "at": at, "now": now}).all()
    found = [Lot(*row[4:]) for row in rows if row.remaining is not None]
    debt, earned = (rows[0].debt, rows[0].lifetime_earned) if rows else (0, 0)
    since = (rows[0].since if rows and debt > 0 else None) or start
    parts = _parts(member_id, since, start) if rows and rows[0].holding else []
    lots, debt = paid(found, parts, debt, since, at)
    held = held_of(parts, at)
    spendable = [
        (lot.expires_at, lot.remaining - held.get(lot.id, 0))
        for lot in lots
        if lot.is_spendable(at)
    ]
    waiting = [
        (lot.available_at, lot.remaining)
        for lot in lots
        if lot.is_valid(at) and not lot.is_released(at)
    ]
    return {
        "available": sum(points for _, points in spendable),
        "pending": sum(points for _, points in waiting),
        "held": sum(held.values()),
        "debt": debt,
        "lifetime_earned": earned,
        "expiring": [
            {"expires_at": one, "points": points} for one, points in _by_instant(spendable)
        ],
        "pending_release": [
            {"available_at": one, "points": points} for one, points in _by_instant(waiting)
        ],
    }


def _parts(member_id: UUID, since: datetime, start: datetime) -> list[Part]:
    """What holds placed by `start` keep of the lots as they were at `start`, and until when.

    Those that ended by `since` are left out: they keep nothing that anybody asks for.
    """
    given = {"member": member_id, "since": since, "start": start}
    return [Part(*row) for row in db.session.execute(PARTS, given)]


def _by_instant(pairs: Iterable[tuple[datetime | None, int]]) -> list[tuple[datetime, int]]:
    """Sums by instant, the earliest first; what has no instant is left out."""
    sums: Counter[datetime] = Counter()
    for at, points in pairs:
        if at is not None and points:
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


def entry(member_id: UUID, seq: int) -> dict[str, Any]:
    """One entry of a member, which there is, with its lots as this statement finds them."""
    return db.session.execute(ENTRY, {"member": member_id, "seq": seq}).scalar_one()


def open_lots(member_id: UUID, *, now: datetime, limit: int = 50) -> list[dict[str, Any]]:
    """A member's lots that still hold points, in the order in which they are spent."""
    rows = db.session.execute(OPEN_LOTS, {"member": member_id, "now": now, "limit": limit})
    return [dict(row) for row in rows.mappings()]
