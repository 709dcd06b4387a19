"""What each member had bought before a campaign reached him: the covariate of its results.

Orders that were paid before his due_at, at what they came to then. Refunds, cancellations and
whatever else follows do not change it, so a campaign can't.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from crm.db import db

SPAN = timedelta(days=365)
MANY = 10_000  # rows after which the planner should know of them before the next report

WAITING = """
    SELECT c.id, coalesce(d.upto, '-infinity') AS after,
           least(:now, CASE WHEN c.next_freeze_at IS NOT NULL THEN c.frozen_until END) AS upto
    FROM campaign c LEFT JOIN campaign_measured d ON d.campaign_id = c.id
    WHERE c.launched_at IS NOT NULL
"""
PENDING = text(f"""
    SELECT w.id FROM ({WAITING}) w
    WHERE EXISTS (
        SELECT FROM campaign_member p
        WHERE p.campaign_id = w.id AND p.due_at > w.after AND p.due_at <= w.upto)
    ORDER BY w.id
""")  # noqa: S608  # built from a constant of this module
NEXT = text(f"""
    SELECT min(p.due_at) FROM ({WAITING}) w CROSS JOIN LATERAL (
        SELECT due_at FROM campaign_member
        WHERE campaign_id = w.id AND due_at > w.after ORDER BY due_at LIMIT 1
    ) p
""")  # noqa: S608  # as above
HOLD = text("""
    INSERT INTO campaign_measured (campaign_id, upto) VALUES (:id, '-infinity')
    ON CONFLICT (campaign_id) DO NOTHING
""")
RANGE = text(f"""
    SELECT w.upto, (
        SELECT min(due_at) FROM campaign_member
        WHERE campaign_id = w.id AND due_at > w.after AND due_at <= w.upto
    ) AS first
    FROM campaign_measured d JOIN ({WAITING}) w ON w.id = d.campaign_id
    WHERE d.campaign_id = :id FOR UPDATE OF d
""")  # noqa: S608  # as above
MEASURE = text("""
    INSERT INTO campaign_spent_before (campaign_id, member_id, arm, spent)
    SELECT p.campaign_id, p.member_id, p.arm, sum(o.goods)
    FROM campaign_member p JOIN orders o ON o.member_id = p.member_id
    WHERE p.campaign_id = :id AND p.arm IS NOT NULL AND p.due_at >= :first AND p.due_at <= :upto
      AND o.placed_at >= CAST(:first AS timestamptz) - :span AND o.placed_at < :upto
      AND o.placed_at >= p.due_at - :span AND o.placed_at < p.due_at AND o.paid_at < p.due_at
    GROUP BY p.campaign_id, p.member_id, p.arm
    HAVING sum(o.goods) > 0
    ON CONFLICT (campaign_id, member_id) DO NOTHING
""")
NOTE = text("UPDATE campaign_measured SET upto = :upto WHERE campaign_id = :id")


def pending(now: datetime) -> Sequence[UUID]:
    """Campaigns with members whose time has come and who were not measured yet."""
    return list(db.session.scalars(PENDING, {"now": now}))


def next_at(now: datetime) -> datetime | None:
    """When the next member's time comes who was not measured; None: there is none so far."""
    found = db.session.scalar(NEXT, {"now": now})
    return None if found is None else max(found, now)


def measure(campaign_id: UUID, *, now: datetime) -> int:
    """Measure the members whose time has come since; returns how many had bought anything.

    Done again, it does nothing: how far it came stands in the same transaction.
    """
    db.session.execute(HOLD, {"id": campaign_id})
    found = db.session.execute(RANGE, {"id": campaign_id, "now": now}).one()
    if found.first is None:
        return 0
    values = {"id": campaign_id, "first": found.first, "upto": found.upto, "span": SPAN}
    done = db.session.execute(MEASURE, values)
    if done.rowcount > MANY:  # type: ignore[attr-defined]
        db.session.execute(text("ANALYZE campaign_spent_before"))
    db.session.execute(NOTE, {"id": campaign_id, "upto": found.upto})
    return done.rowcount  # type: ignore[attr-defined]
