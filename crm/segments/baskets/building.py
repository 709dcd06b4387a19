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

UNHURRIED = text("SET LOCAL statement_timeout = 0")
FIGURES = text(f"""
    INSERT INTO product_figure (sku, name, category, buyers, last_day)
    SELECT l.sku, (array_agg(l.name ORDER BY l.paid_at DESC, l.name))[1],
           coalesce((array_agg(l.category ORDER BY l.paid_at DESC, l.category))[1], ''),
           count(DISTINCT l.member_id), max(l.local_day)
    FROM purchased_line l JOIN member m ON m.id = l.member_id AND m.status = 'active'
    WHERE l.paid_at > :since AND l.paid_at <= :now AND {SAMPLED.format("l.member_id")}
    GROUP BY l.sku
""")  # noqa: S608  # constants of this room
PAIRS = text(f"""
    WITH line AS (
        SELECT l.member_id, m.segment, l.sku, l.local_day, row_number() OVER (
                   PARTITION BY l.member_id ORDER BY l.local_day DESC, l.sku) AS place
        FROM purchased_line l JOIN member m ON m.id = l.member_id AND m.status = 'active'
        WHERE l.paid_at > :since AND l.paid_at <= :now AND {SAMPLED.format("l.member_id")}
        GROUP BY l.member_id, m.segment, l.sku, l.local_day
    ), basket AS MATERIALIZED (
        SELECT member_id, segment, sku, local_day FROM line WHERE place <= :most_lines
    ), customers AS (
        SELECT coalesce(segment, '') AS segment, count(*) AS total
        FROM (SELECT DISTINCT member_id, segment FROM basket) b
        GROUP BY GROUPING SETS ((), (segment)) HAVING grouping(segment) = 1 OR segment IS NOT NULL
    ), product AS MATERIALIZED (
        SELECT coalesce(segment, '') AS segment, sku, count(*) AS buyers
        FROM (SELECT DISTINCT member_id, segment, sku FROM basket) b
        GROUP BY GROUPING SETS ((sku), (segment, sku))
        HAVING grouping(segment) = 1 OR segment IS NOT NULL
    ), made AS (
        SELECT DISTINCT a.member_id, a.segment, a.sku, b.sku AS next_sku
        FROM basket a JOIN basket b ON b.member_id = a.member_id AND b.sku <> a.sku
            AND b.local_day BETWEEN a.local_day AND a.local_day + :within_days
    ), pair AS (
        SELECT coalesce(segment, '') AS segment, sku, next_sku, count(*) AS made_it
        FROM made GROUP BY GROUPING SETS ((sku, next_sku), (segment, sku, next_sku))
        HAVING count(*) >= :least_buyers AND (grouping(segment) = 1 OR segment IS NOT NULL)
    ), measured AS (
        SELECT p.segment, p.sku, p.next_sku, a.buyers, p.made_it,
               p.made_it / CAST(c.total AS double precision) AS support,
               p.made_it / CAST(a.buyers AS double precision) AS confidence,
               CAST(a.buyers AS double precision) * b.buyers / c.total AS expected
        FROM pair p
        JOIN product a ON a.segment = p.segment AND a.sku = p.sku
        JOIN product b ON b.segment = p.segment AND b.sku = p.next_sku
        JOIN customers c ON c.segment = p.segment
    ), ranked AS (
        SELECT *, made_it / expected AS lift, row_number() OVER (
                   PARTITION BY segment, sku ORDER BY confidence DESC, next_sku) AS place
        FROM measured
        WHERE support >= :least_support AND made_it >= :least_lift * expected
          AND made_it >= expected + :deviations * sqrt(expected)
    )
    INSERT INTO product_pair
        (segment, sku, next_sku, buyers, buyers_of_both, support, confidence, lift)
    SELECT segment, sku, next_sku, buyers, made_it, support, confidence, lift
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
