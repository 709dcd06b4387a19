"""Making the windows: how often members of this store buy again, then when each of them does.

The store's quartiles are replaced only when one of them moved by more than a twentieth. So on most
nights only the windows of members whose purchases changed are made again.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text

from crm.db import as_rows, db
from crm.segments.next_purchase.models import StoreRhythm
from crm.segments.next_purchase.sampling import SAMPLED

LEAST_GAPS, LEAST_MEMBERS = 30, 20  # fewer say nothing about a store
MOST_GAPS = 5  # of one member, the latest
SAMPLE = 50_000  # members
MOVED = 0.05

UNHURRIED = text("SET LOCAL statement_timeout = 0")
MEASURE = text(f"""
    WITH days AS (
        SELECT o.member_id, '' AS category, o.local_day FROM orders o
        WHERE o.counted AND o.paid_at <= :now AND {SAMPLED.format("o.member_id")} GROUP BY 1, 3
        UNION ALL
        SELECT l.member_id, l.category, l.local_day FROM purchased_line l
        WHERE l.category <> '' AND l.paid_at <= :now AND {SAMPLED.format("l.member_id")}
        GROUP BY 1, 2, 3
    ), gap AS (
        SELECT member_id, category,
               local_day - lag(local_day) OVER one AS length,
               row_number() OVER (PARTITION BY member_id, category ORDER BY local_day DESC) AS place
        FROM days WINDOW one AS (PARTITION BY member_id, category ORDER BY local_day)
    )
    SELECT category, count(DISTINCT member_id) AS members, count(*) AS gaps,
           percentile_cont(ARRAY[0.25, 0.5, 0.75])
               WITHIN GROUP (ORDER BY CAST(length AS double precision)) AS quartiles
    FROM gap WHERE length IS NOT NULL AND place <= :most_gaps
    GROUP BY category
    HAVING count(*) >= :least_gaps AND count(DISTINCT member_id) >= :least_members
    ORDER BY category
""")  # noqa: S608  # constants of this room
KNOWN = text("SELECT category, lower_days, middle_days, upper_days FROM store_rhythm")
KEEP = text("""
    INSERT INTO store_rhythm
    SELECT * FROM json_populate_recordset(CAST(NULL AS store_rhythm), CAST(:rows AS json))
""")
CHANGED = text("""
    SELECT member_id FROM purchase_summary
    WHERE member_id > :after AND (
        CAST(:since AS timestamptz) IS NULL
        OR greatest(updated_at, last_paid_at)
            >= CAST(:since AS timestamptz) - interval '10 minutes')
    ORDER BY member_id LIMIT :most
""")
GONE = text("""
    DELETE FROM usual_window WHERE member_id IN (SELECT id FROM member WHERE status <> 'active')
""")
WRITE = text("""
    WITH found AS MATERIALIZED (
        SELECT * FROM usual_windows(:members, :now)
    ), gone AS (
        DELETE FROM usual_window k
        WHERE k.member_id = ANY (:members) AND NOT EXISTS (
            SELECT FROM found w WHERE w.member_id = k.member_id AND w.category = k.category)
    )
    INSERT INTO usual_window AS k
    SELECT w.*, w.last_day + w.lower_days, w.last_day + w.upper_days
    FROM found w
    LEFT JOIN usual_window old ON old.member_id = w.member_id AND old.category = w.category
    WHERE old.member_id IS NULL
       OR (old.last_day, old.gaps, old.lower_days, old.middle_days, old.upper_days)
          <> (w.last_day, w.gaps, w.lower_days, w.middle_days, w.upper_days)
    ORDER BY w.member_id, w.category
    ON CONFLICT (member_id, category) DO UPDATE SET
        last_day = excluded.last_day, gaps = excluded.gaps, lower_days = excluded.lower_days,
        middle_days = excluded.middle_days, upper_days = excluded.upper_days,
        opens = excluded.opens, closes = excluded.closes
""")


def forget() -> None:
    """Take away the windows of members who are gone: erased, or merged into others."""
    db.session.execute(GONE)


def measure(share: float, now: datetime) -> bool:
    """Take the store's rhythm from the gaps of a sample of its members; True if it is a new one.

    `share`: that of the members who are read (`crm.segments.next_purchase.sampling`).
    """
    values = {"now": now, "share": share, "most_gaps": MOST_GAPS}
    least = {"least_gaps": LEAST_GAPS, "least_members": LEAST_MEMBERS}
    db.session.execute(UNHURRIED)
    rows = db.session.execute(MEASURE, values | least).all()
    found = {row.category: [max(days, 1.0) for days in row.quartiles] for row in rows}
    known = {category: list(days) for category, *days in db.session.execute(KNOWN)}
    if not _moved(known, found):
        return False
    db.session.execute(delete(StoreRhythm))
    counted = {row.category: {"members": row.members, "gaps": row.gaps} for row in rows}
    kept = [_row(name, days, counted[name], now) for name, days in found.items()]
    db.session.execute(KEEP, {"rows": as_rows(kept)})
    return True


def _row(
    category: str, days: list[float], counted: dict[str, int], now: datetime
) -> dict[str, Any]:
    lower, middle, upper = days
    quartiles = {"lower_days": lower, "middle_days": middle, "upper_days": upper}
    return {"category": category, "measured_at": now} | counted | quartiles


def _moved(known: dict[str, list[float]], found: dict[str, list[float]]) -> bool:
    if known.keys() != found.keys():
        return True
    pairs = [pair for name, days in found.items() for pair in zip(known[name], days, strict=True)]
    return any(abs(new - old) > MOVED * old for old, new in pairs)


def changed(after: UUID, since: datetime | None, most: int) -> list[UUID]:
    """Members whose purchases changed since then (None: all who ever had an order), and some more:
    of what was written shortly before, the last night may not have seen the commit, and an order
    that was dated in the future may count by now."""
    values = {"after": after, "since": since, "most": most}
    return list(db.session.scalars(CHANGED, values))


def renew(members: list[UUID], now: datetime) -> int:
    """Bring the stored windows of these members up to date; how many rows were written."""
    done = db.session.execute(WRITE, {"members": members, "now": now})
    return done.rowcount  # type: ignore[attr-defined]
