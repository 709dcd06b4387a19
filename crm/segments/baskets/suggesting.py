"""What to suggest to a member: what customers like him buy next, by what he bought himself.

One statement for any number of members, by indexes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import text

from crm.db import db

LOOKBACK = timedelta(days=365)
JUST_BOUGHT = timedelta(days=90)  # is not suggested again, unless it is what he buys regularly
OFF_SALE = timedelta(days=180)  # nobody bought it for so long
REASONS = 20  # of a member's products, the latest

SUGGEST = text("""
    WITH wanted AS (
        SELECT w.no, w.member_id, w.category, m.segment
        FROM unnest(CAST(:members AS uuid[]), CAST(:categories AS text[]))
            WITH ORDINALITY AS w (member_id, category, no)
        JOIN member m ON m.id = w.member_id AND m.status = 'active'
    ), had AS MATERIALIZED (
        SELECT w.no, l.sku, max(l.paid_at) AS last_at, count(DISTINCT l.local_day) AS days,
               row_number() OVER (PARTITION BY w.no ORDER BY max(l.paid_at) DESC, l.sku) AS place
        FROM wanted w JOIN LATERAL (
            SELECT p.sku, p.paid_at, p.local_day FROM purchased_line p
            WHERE p.member_id = w.member_id AND p.paid_at > :since AND p.paid_at <= :now OFFSET 0
        ) l ON true
        GROUP BY w.no, l.sku
    ), top AS MATERIALIZED (
        SELECT c.category AS wanted, f.sku, f.buyers
        FROM (SELECT DISTINCT category FROM wanted WHERE category IS NOT NULL) c
        CROSS JOIN LATERAL (
            SELECT sku, buyers FROM product_figure
            WHERE category = c.category AND last_day > :on_sale
            ORDER BY buyers DESC, sku LIMIT :n + :reasons) f
        UNION ALL
        (SELECT NULL, sku, buyers FROM product_figure
         WHERE last_day > :on_sale ORDER BY buyers DESC, sku LIMIT :n + :reasons)
    ), offered AS (
        SELECT w.no, 0 AS rank, h.sku, CAST(NULL AS text) AS because,
               CAST(NULL AS double precision) AS confidence,
               CAST(NULL AS double precision) AS lift, h.days AS weight
        FROM wanted w JOIN had h ON h.no = w.no
        WHERE w.category IS NOT NULL AND h.days > 1
        UNION ALL
        SELECT w.no, 1, p.next_sku, p.sku, p.confidence, p.lift, 0
        FROM wanted w JOIN had h ON h.no = w.no AND h.place <= :reasons
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (next_sku) next_sku, sku, confidence, lift FROM product_pair
            WHERE sku = h.sku AND segment IN ('', w.segment)
            ORDER BY next_sku, segment DESC
        ) p
        UNION ALL
        SELECT w.no, 2, t.sku, NULL, NULL, NULL, t.buyers
        FROM wanted w JOIN top t ON coalesce(t.wanted, '') = coalesce(w.category, '')
    ), best AS (
        SELECT DISTINCT ON (o.no, o.sku) o.*, f.name, f.category
        FROM offered o
        JOIN wanted w ON w.no = o.no
        JOIN product_figure f ON f.sku = o.sku AND f.last_day > :on_sale
        LEFT JOIN had h ON h.no = o.no AND h.sku = o.sku AND h.last_at > :just
        WHERE (w.category IS NULL OR f.category = w.category) AND (o.rank = 0 OR h.no IS NULL)
        ORDER BY o.no, o.sku, o.rank, o.confidence DESC, o.because
    ), placed AS (
        SELECT b.*, row_number() OVER (
            PARTITION BY no ORDER BY rank, confidence DESC, weight DESC, sku
        ) AS place FROM best b
    )
    SELECT w.member_id, w.category AS wanted, p.sku, p.name, p.category,
           (ARRAY['own', 'next', 'popular'])[p.rank + 1] AS basis,
           p.because AS because_sku, y.name AS because_name, p.confidence, p.lift
    FROM placed p
    JOIN wanted w ON w.no = p.no
    LEFT JOIN product_figure y ON y.sku = p.because
    WHERE p.place <= :n
    ORDER BY p.no, p.place
""")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product to suggest to a member, and why.

    `basis`: "own", he buys it again and again (only within a category that was asked for); "next",
    customers like him who bought `because_sku` bought it too, a share of `confidence`, `lift` times
    as many as of all customers; "popular", a best seller he does not have. `wanted` is the category
    that was asked for.
    """

    member_id: UUID
    wanted: str | None
    sku: str
    name: str
    category: str
    basis: Literal["own", "next", "popular"]
    because_sku: str | None
    because_name: str | None
    confidence: float | None
    lift: float | None


def suggest(
    member_id: UUID, n: int, now: datetime, *, category: str | None = None
) -> list[Suggestion]:
    """At most `n` products for this member, best first; empty when there is nothing to go by."""
    return suggest_many([(member_id, category)], n, now)


def suggest_many(
    wanted: Sequence[tuple[UUID, str | None]], n: int, now: datetime
) -> list[Suggestion]:
    """At most `n` products for each pair of member and category (None: of any), best first.

    In the order of what was asked for. What he bought in the last 90 days is left out, but for what
    he buys regularly; so is what nobody bought for half a year. Members who are gone get nothing.
    """
    if not wanted or n < 1:
        return []
    members, categories = zip(*dict.fromkeys(wanted), strict=True)
    values = {
        "members": list(members),
        "categories": list(categories),
        "n": n,
        "now": now,
        "since": now - LOOKBACK,
        "just": now - JUST_BOUGHT,
        "on_sale": (now - OFF_SALE).date(),
        "reasons": REASONS,
    }
    return [Suggestion(*row) for row in db.session.execute(SUGGEST, values)]
