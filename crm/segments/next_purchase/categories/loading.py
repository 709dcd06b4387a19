"""Reading the purchase days of a sample of members, in all and per category, in one statement."""

from datetime import date, datetime

import numpy as np
from sqlalchemy import text

from crm.db import db
from crm.segments.next_purchase.categories.past import ROW, Past
from crm.segments.next_purchase.loading import EPOCH
from crm.segments.next_purchase.sampling import SAMPLED, share_of

SAMPLE = 20_000  # members
CATEGORIES = 50  # those with the most buyers among them
PAIRS = 60_000

UNHURRIED = text("SET LOCAL statement_timeout = 0")
# Members are numbered by the random end of their ids, so that the first of them are a sample too.
# OFFSET 0: by index for each of them, where a join would read everybody's orders and lines.
BOUGHT = text(f"""
    WITH picked AS MATERIALIZED (
        SELECT m.id FROM member m WHERE m.status = 'active' AND {SAMPLED.format("m.id")}
    ), bought AS MATERIALIZED (
        SELECT p.id, '' AS category, o.local_day, CAST(sum(o.net) AS bigint) AS amount
        FROM picked p CROSS JOIN LATERAL (
            SELECT o.local_day, o.net FROM orders o
            WHERE o.member_id = p.id AND o.counted AND o.paid_at <= :as_of AND o.local_day <= :day
            OFFSET 0) o
        GROUP BY p.id, o.local_day
        UNION ALL
        SELECT p.id, l.category, l.local_day, CAST(sum(l.net) AS bigint)
        FROM picked p CROSS JOIN LATERAL (
            SELECT l.category, l.local_day, l.net FROM purchased_line l
            WHERE l.member_id = p.id AND l.category <> '' AND l.paid_at <= :as_of
              AND l.local_day <= :day
            OFFSET 0) l
        GROUP BY p.id, l.category, l.local_day
    ), numbered AS (
        SELECT category, local_day, amount,
               CAST(dense_rank() OVER (ORDER BY right(CAST(id AS text), 8), id) AS integer) - 1
                   AS owner
        FROM bought
    )
    SELECT category, count(DISTINCT owner) AS buyers, string_agg(
               int4send(owner) || int4send(local_day - DATE '2000-01-01') || int8send(amount),
               CAST('' AS bytea) ORDER BY owner, local_day) AS rows
    FROM numbered GROUP BY category
    ORDER BY category <> '', buyers DESC, category COLLATE "C" LIMIT :most + 1
""")  # noqa: S608  # constants of this room


def past(day: date, as_of: datetime) -> Past:
    """The purchases up to `day` of at most about 20,000 active members, the same ones for the same
    members, in all and in the 50 categories that most of them buy; of fewer members where these
    have more than 60,000 pairs.
    """
    db.session.execute(UNHURRIED)
    values = {"share": share_of(SAMPLE), "day": day, "as_of": as_of, "most": CATEGORIES}
    found = {row.category: _rows(row.rows) for row in db.session.execute(BOUGHT, values)}
    everything = found.pop("", np.zeros(0, ROW))
    return bounded(everything, found, PAIRS)


def bounded(everything: np.ndarray, found: dict[str, np.ndarray], most_pairs: int) -> Past:
    """Of as many members, from the first on, as have no more pairs than that together."""
    whole = Past.of(everything, found)
    if len(whole.pairs) <= most_pairs:
        return whole
    most = whole.first_members(most_pairs)
    kept = {name: rows[rows["owner"] < most] for name, rows in found.items()}
    return Past.of(everything[everything["owner"] < most], kept)


def _rows(raw: bytes) -> np.ndarray:
    found = np.frombuffer(raw, ROW).copy()
    found["day"] += EPOCH
    return found
