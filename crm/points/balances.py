"""Reading the ledger: balances at any instant, and a member's entries. Nothing here waits for jobs.

Spendable at an instant: lots with available_at <= instant < expires_at, whatever sweeps have run.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.http.pagination import decode, page

NOW = text("""
    SELECT
        coalesce(sum(l.remaining) FILTER (WHERE l.available_at <= :at), 0)::bigint AS available,
        coalesce(sum(l.remaining) FILTER (WHERE l.available_at IS NULL OR l.available_at > :at), 0
            )::bigint AS pending,
        coalesce(max(a.debt), 0)::bigint AS debt,
        coalesce(max(a.lifetime_earned), 0)::bigint AS lifetime_earned
    FROM (SELECT CAST(:member AS uuid) AS id) m
    LEFT JOIN points_account a ON a.member_id = m.id
    LEFT JOIN points_lot l ON l.member_id = m.id AND l.remaining > 0
        AND (l.expires_at IS NULL OR l.expires_at > :at)
""")

# The past as it was: lots opened by then, with what had been moved by then.
LOTS_THEN = """
    SELECT l.available_at, l.expires_at, l.size + coalesce((
        SELECT sum(m.points) FROM points_movement m
        JOIN points_entry e ON e.member_id = m.member_id AND e.seq = m.seq
        WHERE m.member_id = l.member_id AND m.lot_id = l.id AND e.occurred_at <= :at), 0
        ) AS remaining
    FROM points_lot l
    JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
    WHERE l.member_id = :member AND o.occurred_at <= :at
"""

THEN = text(f"""
    WITH lots AS ({LOTS_THEN}), entries AS (
        SELECT coalesce(sum(points), 0) AS balance,
               coalesce(sum(points) FILTER (WHERE kind IN ('earn', 'award')), 0) AS earned
        FROM points_entry WHERE member_id = :member AND occurred_at <= :at
    ), held AS (
        SELECT coalesce(sum(remaining), 0) AS all_lots,
               coalesce(sum(remaining) FILTER (
                   WHERE available_at <= :at AND (expires_at IS NULL OR expires_at > :at)), 0)
                   AS available,
               coalesce(sum(remaining) FILTER (
                   WHERE (available_at IS NULL OR available_at > :at)
                     AND (expires_at IS NULL OR expires_at > :at)), 0) AS pending
        FROM lots
    )
    SELECT available::bigint, pending::bigint, (all_lots - balance)::bigint AS debt,
           earned::bigint AS lifetime_earned
    FROM held, entries
""")  # noqa: S608  # both parts are constants of this module

UPCOMING = text("""
    SELECT expires_at AS at, sum(remaining)::bigint AS points, 'expires' AS what FROM points_lot
    WHERE member_id = :member AND remaining > 0 AND available_at <= :at AND expires_at > :at
    GROUP BY expires_at
    UNION ALL
    SELECT available_at, sum(remaining)::bigint, 'releases' FROM points_lot
    WHERE member_id = :member AND remaining > 0 AND available_at > :at
    GROUP BY available_at
    ORDER BY at LIMIT 200
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


def balance(member_id: UUID, at: datetime, *, now: datetime) -> dict[str, Any]:
    """A member's points at an instant: the past as it was, the future as it will be if nothing
    else happens (releases and lapses included).

    Keys: available, pending, held, debt, lifetime_earned (points), expiring, pending_release
    (lists by instant, from `at` on).
    """
    key = {"member": member_id, "at": at}
    row = db.session.execute(THEN if at < now else NOW, key).mappings().one()
    spendable = max(row["available"] - row["debt"], 0) if at >= now else row["available"]
    expiring, releases = [], []
    for item in db.session.execute(UPCOMING, key) if at >= now else ():
        if item.what == "expires":
            expiring.append({"expires_at": item.at, "points": item.points})
        else:
            releases.append({"available_at": item.at, "points": item.points})
    return {
        "available": spendable,
        "pending": row["pending"],
        "held": 0,
        "debt": row["debt"] - (row["available"] - spendable) if at >= now else row["debt"],
        "lifetime_earned": row["lifetime_earned"],
        "expiring": expiring,
        "pending_release": releases,
    }


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
