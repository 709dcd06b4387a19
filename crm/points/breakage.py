"""Breakage: how many of the points that members hold will lapse unused, told from the past.

A lot's life is counted in tenths, from its opening (0) to its expiry (10), so that lots of any term
can be compared. For each tenth that history shows, the share of the points still there that was
used in it; the product of what is left is the survival curve, S(0) = 1 … S(10) (Kaplan and Meier,
"Nonparametric estimation from incomplete observations", JASA 53, 1958; lots still alive count as
far as they have been seen). What survives to its expiry lapses, so a point in its tenth d lapses
with the chance S(10) / S(d). Points are weighed, not lots.

Used: redeemed, captured, or gone to pay a debt, less what was given back. Points that a refund, a
member of staff, a transfer or a merge took away count as never issued. Lots without expiry never
lapse. Below `LEAST_LOTS` finished lots nothing is estimated.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy import text

from crm.db import db

TENTHS = 10
LEAST_LOTS = 200  # so the standard error of a share is at most 3.5 percentage points

# The tenth of its life in which a lot is at :at; 10 is past its end.
AGE = """greatest(0, least(10, floor(10 * date_part('epoch', {at} - {opened})
               / nullif(date_part('epoch', {expires} - {opened}), 0))))::integer"""
_SEEN = AGE.format(at=":at", opened="o.occurred_at", expires="l.expires_at")
_WHEN = AGE.format(at="e.occurred_at", opened="o.occurred_at", expires="l.expires_at")
_LIVES = """o.kind IN ('earn', 'award', 'adjust') AND o.occurred_at <= :at
            AND l.expires_at > o.occurred_at"""

ISSUED = text(f"""
    SELECT {_SEEN} AS seen, count(*) AS lots, sum(l.size)::bigint AS points
    FROM points_lot l
    JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
    WHERE {_LIVES} GROUP BY 1
""")  # noqa: S608 — no input in it
GONE = text(f"""
    SELECT {_SEEN} AS seen, least(9, {_WHEN}) AS tenth,
           e.kind IN ('redeem', 'capture', 'absorb', 'restore') AS used,
           -sum(m.points)::bigint AS points
    FROM points_movement m
    JOIN points_entry e ON e.member_id = m.member_id AND e.seq = m.seq
    JOIN points_lot l ON l.member_id = m.member_id AND l.id = m.lot_id
    JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
    WHERE {_LIVES} AND e.occurred_at <= :at AND e.kind <> 'expire' GROUP BY 1, 2, 3
""")  # noqa: S608 — no input in it


@dataclass(frozen=True, slots=True)
class Breakage:
    """What history says. `survival` has S(0) … S(10), or is empty when there is too little of it.

    `lots` is how many had come to their end; `lapsed` the share of their points that lapsed.
    """

    lots: int
    lapsed: Fraction | None
    survival: tuple[Fraction, ...]

    @property
    def is_known(self) -> bool:
        """Whether there is enough history to tell."""
        return bool(self.survival)

    def chance(self, tenth: int) -> Fraction:
        """The share of points in this tenth of their life that will lapse; 0 where none was seen
        to live so long."""
        alive = self.survival[tenth]
        return self.survival[TENTHS] / alive if alive else Fraction(0)


def estimate(at: datetime) -> Breakage:
    """What was known at `at`, from every lot opened by then. Two statements over the ledger."""
    lots, size = [0] * (TENTHS + 1), [0] * (TENTHS + 1)
    for row in db.session.execute(ISSUED, {"at": at}):
        lots[row.seen], size[row.seen] = row.lots, row.points
    used: Counter[tuple[int, int]] = Counter()
    for row in db.session.execute(GONE, {"at": at}):
        if row.used:
            used[row.seen, row.tenth] += row.points
        else:
            size[row.seen] -= row.points
    return curve(lots[TENTHS], size, used)


def curve(finished: int, size: list[int], used: Counter[tuple[int, int]]) -> Breakage:
    """The survival curve of points issued by how far they were seen, and used by (seen, tenth)."""
    if finished < LEAST_LOTS or size[TENTHS] <= 0:
        return Breakage(finished, None, ())
    survival = [Fraction(1)]
    for tenth in range(TENTHS):
        seen = range(tenth + 1, TENTHS + 1)
        there = sum(size[s] - sum(used[s, t] for t in range(tenth)) for s in seen)
        left = there - sum(used[s, tenth] for s in seen)
        share = Fraction(left, there) if there > 0 else Fraction(0)
        survival.append(survival[-1] * min(max(share, Fraction(0)), Fraction(1)))
    kept = size[TENTHS] - sum(used[TENTHS, tenth] for tenth in range(TENTHS))
    return Breakage(finished, Fraction(kept, size[TENTHS]), tuple(survival))
