"""Are the running aggregates what the orders say? A sample every night, or everybody on request.

What differs is counted again and told: the promise is that nothing ever does. `rebuild` counts all
members anew in one pass over the orders, for a database whose aggregates were lost.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm.db import db
from crm.ids import uuid7
from crm.orders import summary
from crm.orders.models import PurchaseCheck

SHOWN = 100  # members that a check names

# Both sides are sampled: a member may have orders and no aggregates.
PICK = text("""
    WITH sizes AS (
        SELECT relname, greatest(reltuples, 1) AS rows FROM pg_class
        WHERE oid IN ('orders'::regclass, 'purchase_summary'::regclass)
    ), shares AS (
        SELECT least(100, 100.0 * :members / (SELECT rows FROM sizes WHERE relname = 'orders'))
                   AS of_orders,
               least(100, 100.0 * :members
                   / (SELECT rows FROM sizes WHERE relname = 'purchase_summary')) AS of_summaries
    )
    SELECT of_orders, of_summaries FROM shares
""")
COMPARE = text("""
    WITH picked AS MATERIALIZED (
        SELECT DISTINCT member_id FROM (
            SELECT member_id FROM orders TABLESAMPLE SYSTEM (:of_orders) REPEATABLE (:seed)
            WHERE member_id IS NOT NULL
            UNION ALL
            SELECT member_id FROM purchase_summary TABLESAMPLE SYSTEM (:of_summaries)
                REPEATABLE (:seed)
        ) either
    )
    SELECT count(*) AS checked,
           coalesce((array_agg(p.member_id ORDER BY p.member_id) FILTER (
               WHERE (coalesce(s.orders, 0), coalesce(s.frequency, 0), coalesce(s.monetary, 0),
                      s.first_day, s.last_day, s.first_paid_at, s.last_paid_at)
                     IS DISTINCT FROM
                     (o.orders, o.frequency, o.monetary,
                      o.first_day, o.last_day, o.first_paid_at, o.last_paid_at)
           )), '{}') AS wrong
    FROM picked p
    LEFT JOIN purchase_summary s ON s.member_id = p.member_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS orders, count(DISTINCT local_day) AS frequency,
               coalesce(sum(net), 0) AS monetary, min(local_day) AS first_day,
               max(local_day) AS last_day, min(paid_at) AS first_paid_at,
               max(paid_at) AS last_paid_at
        FROM orders o WHERE o.member_id = p.member_id AND o.counted
    ) o ON true
""")
LOCK = text("""
    SELECT FROM purchase_summary WHERE member_id = ANY (CAST(:ids AS uuid[]))
    ORDER BY member_id FOR UPDATE
""")


@dataclass(frozen=True)
class Found:
    """How many members were looked at, and those whose aggregates differ from their orders."""

    checked: int
    wrong: list[UUID]


def look(members: int | None, seed: int = 0) -> Found:
    """Compare about so many members, drawn by `seed` (None: everybody), as of one instant."""
    whole = {"of_orders": 100.0, "of_summaries": 100.0}
    if members is not None:
        row = db.session.execute(PICK, {"members": members}).one()
        whole = {"of_orders": float(row.of_orders), "of_summaries": float(row.of_summaries)}
    found = db.session.execute(COMPARE, whole | {"seed": seed}).one()
    return Found(found.checked, list(found.wrong))


def repair(found: Found, now: datetime) -> None:
    """Count those members again, in the current transaction.

    Their aggregates are locked first: an order that is being written meanwhile is waited for, and
    then counted.
    """
    if found.wrong:
        db.session.execute(LOCK, {"ids": found.wrong})
        summary.recount(found.wrong, now)


def note(found: Found, *, sample: bool, repaired: bool, now: datetime) -> PurchaseCheck:
    """Keep what a check found."""
    kept = PurchaseCheck(
        id=uuid7(),
        at=now,
        sample=sample,
        checked=found.checked,
        wrong=len(found.wrong),
        repaired=len(found.wrong) if repaired else 0,
        members=[str(one) for one in found.wrong[:SHOWN]],
    )
    db.session.add(kept)
    return kept


def last() -> PurchaseCheck | None:
    """What the newest check found."""
    return db.session.scalar(select(PurchaseCheck).order_by(PurchaseCheck.id.desc()).limit(1))


# One pass over an index that holds all of it in the order of members and days: nothing is sorted,
# and the table is not read. Who gets an order meanwhile is counted by it; his row is then there.
COUNT = """
    SELECT member_id, min(paid_at) AS first_paid_at, max(paid_at) AS last_paid_at,
           min(local_day) AS first_day, max(local_day) AS last_day, count(*)::integer AS orders,
           count(DISTINCT local_day)::integer AS frequency, sum(net)::bigint AS monetary
    FROM orders WHERE counted AND member_id IS NOT NULL GROUP BY member_id
"""
MISSING = text(f"""
    INSERT INTO purchase_summary (member_id, first_paid_at, last_paid_at, first_day, last_day,
                                  orders, frequency, monetary, updated_at)
    SELECT f.*, :now FROM ({COUNT}) f ON CONFLICT DO NOTHING
""")  # noqa: S608  # constants of this room
WRONG = text(f"""
    SELECT coalesce(f.member_id, s.member_id)
    FROM ({COUNT}) f FULL JOIN purchase_summary s ON s.member_id = f.member_id
    WHERE (coalesce(f.orders, 0), coalesce(f.frequency, 0), coalesce(f.monetary, 0),
           f.first_day, f.last_day, f.first_paid_at, f.last_paid_at)
          IS DISTINCT FROM
          (s.orders, s.frequency, s.monetary,
           s.first_day, s.last_day, s.first_paid_at, s.last_paid_at)
""")  # noqa: S608  # as above
ANYBODY = text("SELECT EXISTS (SELECT FROM purchase_summary)")


def rebuild(now: datetime) -> dict[str, Any]:
    """Count everybody's aggregates from the orders, in the current transaction.

    Who had none gets them from the pass; who had some is compared with a second pass, and counted
    again under a lock where he differs, so that orders which are written meanwhile are not lost.
    Returns `missing` and `wrong`: how many of each.
    """
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    there_were = db.session.execute(ANYBODY).scalar_one()
    missing = db.session.execute(MISSING, {"now": now}).rowcount  # type: ignore[attr-defined]
    wrong = list(db.session.scalars(WRONG)) if there_were else []
    repair(Found(0, wrong), now)
    return {"missing": missing, "wrong": len(wrong)}
