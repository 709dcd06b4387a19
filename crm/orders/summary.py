"""Running aggregates per member, kept in the order's own transaction by one statement.

The statement recounts the members that were touched from their orders, so late arrivals, refunds
and cancellations need no case of their own, and nothing can drift.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db

RECOUNT = text("""
    INSERT INTO purchase_summary AS s (member_id, first_paid_at, last_paid_at, first_day, last_day,
                                       orders, frequency, monetary, updated_at)
    SELECT i.id, min(o.paid_at), max(o.paid_at), min(o.local_day), max(o.local_day),
           count(o.member_id), count(DISTINCT o.local_day), coalesce(sum(o.net), 0), :now
    FROM unnest(CAST(:ids AS uuid[])) AS i (id)
    LEFT JOIN orders o ON o.member_id = i.id AND o.counted
    GROUP BY i.id
    ORDER BY i.id
    ON CONFLICT (member_id) DO UPDATE SET
        first_paid_at = excluded.first_paid_at, last_paid_at = excluded.last_paid_at,
        first_day = excluded.first_day, last_day = excluded.last_day, orders = excluded.orders,
        frequency = excluded.frequency, monetary = excluded.monetary,
        updated_at = excluded.updated_at
""")


def recount(member_ids: Collection[UUID], now: datetime) -> None:
    """Bring the aggregates of these members up to date, in the caller's transaction."""
    if member_ids:
        db.session.execute(RECOUNT, {"ids": sorted(member_ids), "now": now})
