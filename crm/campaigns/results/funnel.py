"""What became of a campaign's messages, arm by arm: planned, sent, opened, clicked, redeemed.

Opens and clicks are known of members who agreed to being followed, and some mail programs load
every picture and follow every link by themselves: they hint, and prove nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import making
from crm.campaigns.models import CampaignArm
from crm.db import db

# What providers, links and members tell of a message, each counted once per message.
EVENTS = ("opened", "clicked", "opted_out", "complained")

# A campaign's messages, by their ids: those grow with time, and so do the ids of what is told of
# them, so that all lies close together.
ENDS = text("""
    SELECT (SELECT id FROM message WHERE source_type = :type AND source_id = :source
            ORDER BY id LIMIT 1) AS first,
           (SELECT id FROM message WHERE source_type = :type AND source_id = :source
            ORDER BY id DESC LIMIT 1) AS last
""")
SENT = text("""
    WITH told AS (
        SELECT message_id,
               bool_or(kind = 'opened')::int AS opened, bool_or(kind = 'clicked')::int AS clicked,
               bool_or(kind = 'opted_out')::int AS opted_out,
               bool_or(kind = 'complained')::int AS complained
        FROM message_event
        WHERE message_id BETWEEN :first AND :last AND kind = ANY(:kinds)
        GROUP BY message_id
    )
    SELECT p.arm, m.state, count(*) AS n, coalesce(sum(m.price), 0) AS price,
           -- Who was given points was told so; a message that came to nothing beforehand says none.
           count(*) FILTER (WHERE p.arm = ANY(CAST(:gifted AS integer[]))
                              AND jsonb_exists(m.variables, 'points')) AS given,
           coalesce(sum(t.opened), 0) AS opened, coalesce(sum(t.clicked), 0) AS clicked,
           coalesce(sum(t.opted_out), 0) AS opted_out, coalesce(sum(t.complained), 0) AS complained
    FROM message m
    JOIN campaign_member p ON p.campaign_id = :id AND p.member_id = m.member_id
    LEFT JOIN told t ON t.message_id = m.id
    WHERE m.id BETWEEN :first AND :last
      AND m.source_type = :type AND m.source_id = :source AND p.arm > 0
    GROUP BY p.arm, m.state
""")
REDEEMED = text("""
    SELECT p.arm, count(*) AS n
    FROM coupon c JOIN campaign_member p ON p.campaign_id = :id AND p.member_id = c.member_id
    WHERE c.template_id = ANY(:templates) AND c.state = 'used'
      AND c.source_type = :type AND c.source_id = :source AND p.arm IS NOT NULL
    GROUP BY p.arm
""")


@dataclass(slots=True)
class Sent:
    """Of one arm: messages by what became of them. `sent` holds those delivered, `failed` those
    whose fate is unknown. `price` in minor units, as far as providers or settings say it; `given`:
    how many were given the points of the arm."""

    pending: int = 0
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    suppressed: int = 0
    cancelled: int = 0
    opened: int = 0
    clicked: int = 0
    redeemed: int = 0
    opted_out: int = 0
    complained: int = 0
    price: float = 0.0
    given: int = 0
    states: dict[str, int] = field(default_factory=dict)

    @property
    def planned(self) -> int:
        """How many messages there are."""
        return sum(self.states.values())


FIGURE = {
    "waiting": "pending", "sending": "pending", "sent": "sent", "delivered": "sent",
    "failed": "failed", "unknown": "failed", "suppressed": "suppressed",
    "cancelled": "cancelled",
}  # fmt: skip


def by_arm(campaign_id: UUID, arms: Sequence[CampaignArm]) -> dict[int, Sent]:
    """The funnel of each arm; the holdout has none, for it gets nothing."""
    source = making.source(campaign_id)
    values: dict[str, Any] = {"id": campaign_id, "type": source.type, "source": source.id}
    gifted = [arm.no for arm in arms if arm.points]
    templates = {arm.coupon_template_id for arm in arms if arm.coupon_template_id is not None}
    found: dict[int, Sent] = {}
    first, last = db.session.execute(ENDS, values).one()
    if first is None:
        return found
    values |= {"first": first, "last": last, "gifted": gifted, "kinds": list(EVENTS)}
    for row in db.session.execute(SENT, values):
        _add(found.setdefault(row.arm, Sent()), row)
    if templates:
        for row in db.session.execute(REDEEMED, values | {"templates": list(templates)}):
            found.setdefault(row.arm, Sent()).redeemed = row.n
    return found


def _add(one: Sent, row: Any) -> None:
    """Count in the messages of a state."""
    one.states[row.state] = row.n
    one.price += float(row.price)
    one.given += row.given
    name = FIGURE[row.state]
    setattr(one, name, getattr(one, name) + row.n)
    if row.state == "delivered":
        one.delivered = row.n
    for kind in EVENTS:
        setattr(one, kind, getattr(one, kind) + row._mapping[kind])
