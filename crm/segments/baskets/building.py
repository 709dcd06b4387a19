"""Making the table of pairs: which products customers buy with, or within 90 days of, another.

Association rules over ordered pairs (R. Agrawal, R. Srikant, "Mining Sequential Patterns", 1995),
one statement over the last year's lines of a sample of members. A pair is kept when enough
customers made it, when they made it more often than chance, and when it is among the product's
best.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, text

from crm.db import db
from crm.segments.baskets.models import ProductFigure, ProductPair
from crm.segments.next_purchase.sampling import SAMPLED, share_of

LOOKBACK = timedelta(days=365)
WITHIN_DAYS = 90
SAMPLE = 100_000  # members
MOST_LINES = 30  # of one member, the latest: pairs grow with their square
LEAST_BUYERS, LEAST_SUPPORT = 5, 0.0005
LEAST_LIFT = 1.2
LEAST_DEVIATIONS = 2  # above what chance would make of it (Poisson)
MOST_PAIRS = 20  # of one product

UNHURRIED = text("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'")
FIGURES = text(f"""
    INSERT INTO product_figure (sku, name, category, buyers, last_day)
    SELECT l.sku, (array_agg(l.name ORDER BY l.paid_at DESC, l.name))[1],
           coalesce((array_agg(l.category ORDER BY l.paid_at DESC, l.category))[1], ''),
           count(DISTINCT l.member_id), max(l.local_day)
    FROM purchased_line l JOIN member m ON m.id = l.member_id AND m.status = 'active'
    WHERE l.paid_at > :since AND l.paid_at <= :now AND {SAMPLED.format("l.member_id")}
    GROUP BY l.sku
""")  # noqa: S608  # constants of this room
# Members and products go by small numbers while pairs are made: those are many, and are hashed. A
# member has one segment, so pairs of all customers are the sums of those of the segments.
PAIRS = text(f"""
    WITH line AS (
        SELECT l.member_id, m.segment, l.sku, l.local_day, row_number() OVER (
                   PARTITION BY l.member_id ORDER BY l.local_day DESC, l.sku) AS place
        FROM purchased_line l JOIN member m ON m.id = l.member_id AND m.status = 'active'
        WHERE l.paid_at > :since AND l.paid_at <= :now AND {SAMPLED.format("l.member_id")}
        GROUP BY l.member_id, m.segment, l.sku, l.local_day
    ), basket AS MATERIALIZED (
        SELECT CAST(dense_rank() OVER (ORDER BY member_id) AS integer) AS member, segment,
               CAST(dense_rank() OVER (ORDER BY sku) AS integer) AS product, sku, local_day
        FROM line WHERE place <= :most_lines
    ), name AS MATERIALIZED (
        SELECT DISTINCT product, sku FROM basket
    ), customers_of AS (
        SELECT segment, count(DISTINCT member) AS total FROM basket GROUP BY segment
    ), buyers_of AS (
        SELECT segment, product, count(DISTINCT member) AS buyers FROM basket
        GROUP BY segment, product
    ), made AS (
        SELECT DISTINCT a.member, a.segment, a.product, b.product AS follower
        FROM basket a JOIN basket b ON b.member = a.member AND b.product <> a.product
            AND b.local_day BETWEEN a.local_day AND a.local_day + :within_days
    ), makers_of AS (
        SELECT segment, product, follower, count(*) AS makers FROM made
        GROUP BY segment, product, follower
    ), customers AS (
        SELECT '' AS segment, sum(total) AS total FROM customers_of
        UNION ALL SELECT segment, total FROM customers_of WHERE segment IS NOT NULL
    ), product AS MATERIALIZED (
        SELECT '' AS segment, product, sum(buyers) AS buyers FROM buyers_of GROUP BY product
        UNION ALL SELECT segment, product, buyers FROM buyers_of WHERE segment IS NOT NULL
    ), pair AS (
        SELECT '' AS segment, product, follower, sum(makers) AS makers FROM makers_of
        GROUP BY product, follower HAVING sum(makers) >= :least_buyers
        UNION ALL SELECT segment, product, follower, makers FROM makers_of
        WHERE segment IS NOT NULL AND makers >= :least_buyers
    ), measured AS (
        SELECT p.segment, p.product, p.follower, a.buyers, p.makers,
               CAST(p.makers / c.total AS double precision) AS support,
               CAST(p.makers AS double precision) / CAST(a.buyers AS double precision)
                   AS confidence,
               CAST(a.buyers * b.buyers / c.total AS double precision) AS expected
        FROM pair p
        JOIN product a ON a.segment = p.segment AND a.product = p.product
        JOIN product b ON b.segment = p.segment AND b.product = p.follower
        JOIN customers c ON c.segment = p.segment
    ), ranked AS (
        SELECT m.segment, x.sku, y.sku AS next_sku, m.buyers, m.makers, m.support, m.confidence,
               m.makers / m.expected AS lift, row_number() OVER (
                   PARTITION BY m.segment, m.product ORDER BY m.confidence DESC, y.sku) AS place
        FROM measured m
        JOIN name x ON x.product = m.product
        JOIN name y ON y.product = m.follower
        WHERE m.support >= :least_support AND m.makers >= :least_lift * m.expected
          AND m.makers >= m.expected + :deviations * sqrt(m.expected)
    )
    INSERT INTO product_pair
        (segment, sku, next_sku, buyers, buyers_of_both, support, confidence, lift)
    SELECT segment, sku, next_sku, buyers, makers, support, confidence, lift
    FROM ranked WHERE place <= :most_pairs
""")  # noqa: S608  # as above
COUNTED = text("""
    SELECT (SELECT count(*) FROM product_pair) AS pairs,
           (SELECT count(*) FROM product_figure) AS products
""")
NOTE = text("""
    INSERT INTO pattern_build (name, as_of, facts)
    VALUES ('baskets', :now, CAST(:facts AS jsonb))
    ON CONFLICT (name) DO UPDATE SET as_of = excluded.as_of, facts = excluded.facts
""")


def build(now: datetime) -> dict[str, Any]:
    """Make both tables anew, as of `now`, in the current transaction; readers see the old until it
    ends. Returns how many pairs and products there are, and the share of members who were read.
    """
    share = share_of(SAMPLE)
    read = {"now": now, "since": now - LOOKBACK, "share": share}
    db.session.execute(UNHURRIED)
    db.session.execute(delete(ProductPair))
    db.session.execute(delete(ProductFigure))
    db.session.execute(FIGURES, read)
    db.session.execute(
        PAIRS,
        read
        | {
            "within_days": WITHIN_DAYS,
            "most_lines": MOST_LINES,
            "least_buyers": LEAST_BUYERS,
            "least_support": LEAST_SUPPORT,
            "least_lift": LEAST_LIFT,
            "deviations": LEAST_DEVIATIONS,
            "most_pairs": MOST_PAIRS,
        },
    )
    facts = dict(db.session.execute(COUNTED).one()._mapping) | {"share": round(share, 6)}
    db.session.execute(NOTE, {"now": now, "facts": json.dumps(facts)})
    return facts
