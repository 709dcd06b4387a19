"""What members did, as tiers judge it: counted orders and points earned, in memory.

Members' rooms cannot ask upwards, so this room hands the activity down to `members.tiers`.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members.tiers.ladder import Metrics

ORDERS = text("""
    SELECT member_id, id, paid_at, net FROM orders
    WHERE member_id = ANY (:ids) AND counted
""")

# What records merged into a member earned counts for him.
POINTS = text("""
    SELECT coalesce(m.merged_into, m.id) AS member_id, e.occurred_at, e.points
    FROM member m JOIN points_entry e ON e.member_id = m.id
    WHERE (m.id = ANY (:ids) OR m.merged_into = ANY (:ids))
      AND e.kind IN ('earn', 'award', 'clawback')
""")


class Purchases:
    """One member's activity: `orders` by id as (paid_at, net), `points` as (at, points)."""

    __slots__ = ("orders", "points")

    def __init__(self) -> None:
        self.orders: dict[UUID, tuple[datetime, int]] = {}
        self.points: list[tuple[datetime, int]] = []

    def within(self, start: datetime | None, end: datetime) -> Metrics:
        """Spend (minor units), orders and points earned of [start, end], both inclusive."""
        spend = count = 0
        for at, net in self.orders.values():
            if at <= end and (start is None or at >= start):
                spend += net
                count += 1
        earned = sum(
            points for at, points in self.points if at <= end and (start is None or at >= start)
        )
        return Metrics(spend, count, earned)


def activities(member_ids: Iterable[UUID], *, points: bool = True) -> dict[UUID, Purchases]:
    """The activity of each of these members, two statements in all; one without `points`."""
    ids = list(set(member_ids))
    found = {one: Purchases() for one in ids}
    if not ids:
        return found
    for row in db.session.execute(ORDERS, {"ids": ids}):
        found[row.member_id].orders[row.id] = (row.paid_at, row.net)
    for row in db.session.execute(POINTS, {"ids": ids}) if points else ():
        found[row.member_id].points.append((row.occurred_at, row.points))
    return found


def held_at(member_id: UUID, at: datetime) -> str | None:
    """The tier that a member's history says he held at an instant; None before it begins."""
    return db.session.scalar(
        text("""
            SELECT to_tier FROM tier_change WHERE member_id = :member AND at <= :at
            ORDER BY at DESC, id DESC LIMIT 1
        """),
        {"member": member_id, "at": at},
    )
