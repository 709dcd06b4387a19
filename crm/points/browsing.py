"""A member's ledger for people who browse it: filtered pages, the lots behind each entry, days.

Reading only; balances are `crm.points.balances`' to tell.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.http.pagination import decode, page

HIGHEST = 2**31 - 1
BATCH = 1000

ENTRIES = text("""
    SELECT e.seq, e.id, e.kind, e.points, e.balance_after, e.occurred_at, e.recorded_at,
           e.source_type, e.source_id, e.data, e.actor, e.reason
    FROM points_entry e
    WHERE e.member_id = :member AND e.seq < :before
      AND (CAST(:kind AS text) IS NULL OR e.kind = :kind)
    ORDER BY e.seq DESC LIMIT :limit
""")

TOUCHED = text("""
    SELECT x.seq, x.points, x.how, l.size, l.available_at, l.expires_at, l.opened_by,
           o.kind, o.source_type, o.source_id, o.data
    FROM (
        SELECT m.seq, m.lot_id, m.points, 'moved' AS how FROM points_movement m
        WHERE m.member_id = :member AND m.seq = ANY (:seqs)
        UNION ALL
        SELECT n.opened_by, n.id, n.size, 'opened' FROM points_lot n
        WHERE n.member_id = :member AND n.opened_by = ANY (:seqs)
        UNION ALL
        SELECT h.opened_by, y.lot_id, y.points, 'held'
        FROM points_hold h JOIN points_hold_lot y ON y.hold_id = h.id
        WHERE h.member_id = :member AND h.opened_by = ANY (:seqs)
    ) x
    JOIN points_lot l ON l.member_id = :member AND l.id = x.lot_id
    JOIN points_entry o ON o.member_id = :member AND o.seq = l.opened_by
    ORDER BY x.seq, x.how DESC, l.expires_at NULLS LAST, l.opened_by
""")

# A lot that lapsed while it is held holds what can still be captured, and no more.
LOTS = text("""
    WITH held AS (
        SELECT y.lot_id, sum(y.points)::bigint AS points
        FROM points_hold h JOIN points_hold_lot y ON y.hold_id = h.id
        WHERE h.member_id = :member AND h.created_at <= :now
          AND coalesce(h.resolved_at, h.expires_at) > :now
        GROUP BY y.lot_id
    )
    SELECT l.opened_by, l.size, l.available_at, l.expires_at, coalesce(h.points, 0) AS held,
           CASE WHEN l.expires_at <= :now THEN h.points ELSE l.remaining END AS remaining,
           e.kind, e.source_type, e.source_id, e.data
    FROM points_lot l
    JOIN points_entry e ON e.member_id = l.member_id AND e.seq = l.opened_by
    LEFT JOIN held h ON h.lot_id = l.id
    WHERE l.member_id = :member AND l.remaining > 0
      AND (l.expires_at IS NULL OR l.expires_at > :now OR h.points > 0)
    ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id LIMIT :limit
""")

HOLDS = text("""
    SELECT reference, points, expires_at FROM points_hold
    WHERE member_id = :member AND created_at <= :now
      AND coalesce(resolved_at, expires_at) > :now
    ORDER BY expires_at, id LIMIT :limit
""")

KINDS = text("""
    SELECT kind, count(*) AS entries FROM points_entry WHERE member_id = :member
    GROUP BY kind ORDER BY count(*) DESC, kind
""")

DAYS = text("""
    SELECT CAST(occurred_at AT TIME ZONE :zone AS date) AS day,
           coalesce(sum(points) FILTER (WHERE points > 0), 0)::bigint AS gained,
           coalesce(-sum(points) FILTER (WHERE points < 0), 0)::bigint AS lost
    FROM points_entry WHERE member_id = :member AND occurred_at <= :now
    GROUP BY 1 ORDER BY 1
""")


class Touch(NamedTuple):
    """What an entry did to one lot: opened it with `points`, moved `points` of it, or held them.

    `how` is "opened", "moved" or "held". The lot is named by the entry that opened it: its seq,
    kind and source.
    """

    seq: int
    points: int
    how: str
    size: int
    available_at: datetime | None
    expires_at: datetime | None
    opened_by: int
    kind: str
    source_type: str
    source_id: str
    data: dict[str, Any] | None


class Day(NamedTuple):
    """What a member gained and lost on one local day; both are zero or more."""

    day: date
    gained: int
    lost: int


def entries(member_id: UUID, limit: int, cursor: str | None, *, kind: str | None) -> dict[str, Any]:
    """A page of a member's entries (rows), newest first; of one kind where it is given.

    Raises `Invalid` for a foreign cursor.
    """
    after = decode(cursor, int)
    before = min(after[0], HIGHEST) if after else HIGHEST
    return page(_read(member_id, before, limit + 1, kind), limit, lambda row: (row.seq,))


def all_entries(member_id: UUID) -> Iterator[Any]:
    """Every entry, newest first, read a thousand at a time."""
    before = HIGHEST
    while rows := _read(member_id, before, BATCH, None):
        yield from rows
        before = rows[-1].seq


def _read(member_id: UUID, before: int, limit: int, kind: str | None) -> Sequence[Any]:
    values = {"member": member_id, "before": before, "limit": limit, "kind": kind}
    return db.session.execute(ENTRIES, values).all()


def touched(member_id: UUID, seqs: Sequence[int]) -> dict[int, list[Touch]]:
    """What each of these entries did to lots, by seq; one statement."""
    found: dict[int, list[Touch]] = defaultdict(list)
    if seqs:
        for row in db.session.execute(TOUCHED, {"member": member_id, "seqs": list(seqs)}):
            found[row.seq].append(Touch(*row))
    return found


def open_lots(member_id: UUID, limit: int, *, now: datetime) -> Sequence[Any]:
    """The lots that hold points (rows), in the order in which they are spent.

    Beside a lot's own columns: `held`, the points of it that holds reserve at `now`, and the kind
    and source of the entry that opened it.
    """
    values = {"member": member_id, "limit": limit, "now": now}
    return db.session.execute(LOTS, values).all()


def holds(member_id: UUID, limit: int, *, now: datetime) -> Sequence[Any]:
    """The holds in force (reference, points, expires_at), the first to end first."""
    return db.session.execute(HOLDS, {"member": member_id, "limit": limit, "now": now}).all()


def kinds(member_id: UUID) -> dict[str, int]:
    """The kinds of entries that a member has, and how many of each, the most frequent first."""
    rows = db.session.execute(KINDS, {"member": member_id})
    return {row.kind: row.entries for row in rows}


def days(member_id: UUID, zone: str, *, now: datetime) -> list[Day]:
    """The days on which anything happened until now, by the clock of `zone`, the oldest first.

    By when it happened, which late orders make another order than that of the entries.
    """
    values = {"member": member_id, "zone": zone, "now": now}
    return [Day(*row) for row in db.session.execute(DAYS, values)]
