"""What members brought in their window: one statement, one row per arm, nobody's own figures.

An order counts if it was placed in its member's window, [due_at, due_at + days), and is paid; one
that was refunded altogether is no purchase, but what it cost counts. All arms and the holdout are
counted alike, whether a message reached anybody or not. In minor units:

    sales     goods after discounts and refunds, without tax
    discount  the order's own, or what its coupons take off if that is more, on what was kept;
              free shipping and gifts of coupons
    points    what its points are worth when they are redeemed
    lost      what goods cost that were refunded and did not come back
    profit    margin * (sales + discount on goods) - discount - points - lost

`sales + discount on goods` is what the goods would have brought; `1 - margin` of it is their cost.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns.results.terms import Terms
from crm.db import db

SUMS = text("""
    WITH sold AS (
        SELECT p.member_id, p.arm, count(*) FILTER (WHERE o.counted) AS orders,
               sum(g.sales) AS sales, sum(g.cut + g.beside) AS discount,
               sum(o.points * CAST(:point AS float8)) AS points,
               sum(o.goods - o.net) AS refunds, sum(g.lost) AS lost,
               sum(:margin * (g.sales + g.cut) - g.cut - g.beside
                   - o.points * CAST(:point AS float8) - g.lost) AS profit
        FROM orders o
        JOIN campaign_member p ON p.member_id = o.member_id AND p.campaign_id = :id
            AND p.arm IS NOT NULL AND p.due_at <= :now
        LEFT JOIN LATERAL (
            SELECT sum(c.discount) FILTER (WHERE c.kind IN ('amount', 'percent')) AS off,
                   sum(CASE c.kind WHEN 'free_shipping' THEN c.discount
                                   WHEN 'gift' THEN t.value END) AS beside
            FROM jsonb_to_recordset(o.coupons)
                AS c (state text, kind text, discount bigint, template_id uuid)
            LEFT JOIN coupon_template t ON t.id = c.template_id
            WHERE c.state = 'used'
        ) c ON o.coupons IS NOT NULL
        LEFT JOIN LATERAL (
            SELECT sum(r.value) AS gone FROM order_refund r
            WHERE r.channel = o.channel AND r.order_no = o.order_no AND NOT r.restock
        ) r ON o.refunded > 0
        CROSS JOIN LATERAL (
            SELECT CASE WHEN o.goods > 0 THEN o.net::float8 / o.goods ELSE 0 END AS kept
        ) k
        CROSS JOIN LATERAL (
            SELECT o.net - o.tax * k.kept AS sales,
                   greatest(o.discount, coalesce(c.off, 0)) * k.kept AS cut,
                   coalesce(c.beside, 0) AS beside,
                   (1 - :margin) * least(coalesce(r.gone, 0), o.goods - o.net) AS lost
        ) g
        WHERE o.placed_at >= :since AND o.placed_at < :until
          AND o.status IN ('paid', 'fulfilled', 'delivered', 'completed')
          AND o.placed_at >= p.due_at AND o.placed_at < p.due_at + :days * interval '1 day'
        GROUP BY p.member_id, p.arm
    ), parts AS (
        SELECT arm, count(*) AS n, 0::float8 AS x, 0::float8 AS xx, 0::float8 AS y,
               0::float8 AS xy, 0::float8 AS yy, 0 AS buyers, 0 AS orders, 0::float8 AS sales,
               0::float8 AS discount, 0::float8 AS points, 0::float8 AS refunds, 0::float8 AS lost
        FROM campaign_member
        WHERE campaign_id = :id AND arm IS NOT NULL AND due_at <= :now
        GROUP BY arm
        UNION ALL
        -- Who bought nothing then or now adds nothing to the sums, so nobody is joined to all.
        SELECT arm, 0, sum(spent), sum(spent::float8 * spent), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        FROM campaign_spent_before WHERE campaign_id = :id GROUP BY arm
        UNION ALL
        SELECT s.arm, 0, 0, 0, sum(s.profit), sum(s.profit * coalesce(b.spent, 0)),
               sum(s.profit * s.profit), count(*) FILTER (WHERE s.orders > 0), sum(s.orders),
               sum(s.sales), sum(s.discount),
               sum(s.points), sum(s.refunds), sum(s.lost)
        FROM sold s LEFT JOIN campaign_spent_before b
            ON b.campaign_id = :id AND b.member_id = s.member_id
        GROUP BY s.arm
    )
    SELECT arm, sum(n)::bigint AS n, sum(x) AS x, sum(y) AS y, sum(xx) AS xx, sum(xy) AS xy,
           sum(yy) AS yy, sum(buyers)::bigint AS buyers, sum(orders)::bigint AS orders,
           sum(sales) AS sales, sum(discount) AS discount, sum(points) AS points,
           sum(refunds) AS refunds, sum(lost) AS lost
    FROM parts GROUP BY arm ORDER BY arm
""")


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when any member's window may lie, and its days for each."""

    since: datetime
    until: datetime
    days: int


def by_arm(campaign_id: UUID, span: Span, terms: Terms, *, now: datetime) -> dict[int, Any]:
    """The sums of each arm and of the holdout (0), of members whose time has come."""
    values = {
        "id": campaign_id,
        "since": span.since,
        "until": span.until,
        "days": span.days,
        "margin": terms.margin,
        "point": terms.point,
        "now": now,
    }
    return {row.arm: row for row in db.session.execute(SUMS, values)}
