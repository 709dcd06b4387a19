"""What the shop owes its members in points at an instant, what it is worth, and when it lapses.

The past is as it was, by what had happened by then; the future as it will be if nothing else
happens (releases, lapses and debts included), as `crm.points.balances` tells of one member.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import Any

from sqlalchemy import text

from crm.db import db
from crm.points import breakage, programme
from crm.points.breakage import AGE, Breakage
from crm.points.programme_settings import Programme

# The lots that hold points, and who is in debt: now (or later) …
_NOW = """
    lots AS (
        SELECT member_id, id, opened_by, available_at, expires_at, remaining FROM points_lot
        WHERE remaining > 0 AND (expires_at IS NULL OR expires_at > :start)
    ), debts AS (
        SELECT member_id, debt FROM points_account WHERE debt > 0
    )"""
# … and then: what happened since is taken back.
_THEN = """
    later AS MATERIALIZED (
        SELECT member_id, seq, points FROM points_entry WHERE occurred_at > :at
    ), moved AS (
        SELECT m.member_id, m.lot_id, sum(m.points) AS points
        FROM points_movement m JOIN later USING (member_id, seq) GROUP BY 1, 2
    ), opened AS MATERIALIZED (
        SELECT l.member_id, l.id, l.opened_by, l.available_at, l.expires_at,
               (l.remaining - coalesce(v.points, 0))::bigint AS remaining
        FROM points_lot l LEFT JOIN moved v ON v.member_id = l.member_id AND v.lot_id = l.id
        WHERE NOT EXISTS (
            SELECT FROM later o WHERE o.member_id = l.member_id AND o.seq = l.opened_by)
    ), lots AS (
        SELECT * FROM opened
        WHERE remaining > 0 AND (expires_at IS NULL OR expires_at > :start)
    ), debts AS (
        SELECT a.member_id, (coalesce(s.points, 0) - a.balance + coalesce(e.points, 0))::bigint
                   AS debt
        FROM points_account a
        LEFT JOIN (SELECT member_id, sum(remaining) AS points FROM opened GROUP BY 1) s
            USING (member_id)
        LEFT JOIN (SELECT member_id, sum(points) AS points FROM later GROUP BY 1) e
            USING (member_id)
        WHERE coalesce(s.points, 0) - a.balance + coalesce(e.points, 0) > 0
    )"""
# Debts are paid by what is spendable, in the order in which it becomes so; then all is summed.
_SUMS = f"""
    , payable AS (
        SELECT l.member_id, l.id, d.debt, l.remaining,
               sum(l.remaining) OVER (
                   PARTITION BY l.member_id
                   ORDER BY greatest(l.available_at, :start), l.expires_at NULLS LAST, l.opened_by
               ) - l.remaining AS before
        FROM debts d JOIN lots l USING (member_id)
        WHERE l.available_at <= :at
          AND (l.expires_at IS NULL OR l.expires_at > greatest(l.available_at, :start))
    ), paid AS MATERIALIZED (
        SELECT member_id, id, least(remaining, debt - before)::bigint AS points
        FROM payable WHERE before < debt
    )
    SELECT CASE WHEN l.available_at <= :at THEN 'available' ELSE 'pending' END AS state,
           date_trunc('month', (l.expires_at - interval '1 microsecond') AT TIME ZONE :zone)::date
               AS month,
           {AGE.format(at=":at", opened="o.occurred_at", expires="l.expires_at")} AS tenth,
           sum(l.remaining - coalesce(p.points, 0))::bigint AS points
    FROM lots l
    JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
    LEFT JOIN paid p ON p.member_id = l.member_id AND p.id = l.id
    WHERE l.expires_at IS NULL OR l.expires_at > :at
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'debt', NULL, NULL, (SELECT coalesce(sum(debt), 0) FROM debts)::bigint
                               - (SELECT coalesce(sum(points), 0) FROM paid)::bigint
"""  # noqa: S608 — no input in it

NOW = text(f"WITH {_NOW} {_SUMS}")
THEN = text(f"WITH {_THEN} {_SUMS}")


@dataclass(frozen=True, slots=True)
class Worth:
    """What points are worth when they are spent, by the programme of the instant."""

    settings: Programme

    def of(self, points: int | Fraction) -> dict[str, Any]:
        """`{points, value}`; whole points and minor units, halves up."""
        rate = self.settings.redemption
        minor = Fraction(points) * rate.value_per_step / rate.points_per_step
        value = {"amount": _nearest(minor), "currency": self.settings.currency}
        return {"points": _nearest(Fraction(points)), "value": value}


def _nearest(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))


def report(at: datetime, *, now: datetime) -> dict[str, Any]:
    """The liability at `at`: the shape of `LiabilityOut`. Reads every lot that holds points."""
    settings = programme.at(at)
    rows = _sums(at, now, settings.timezone)
    by_state, by_month = Counter(), Counter()
    for state, month, _, points in rows:
        by_state[state] += points
        if state != "debt":
            by_month[month] += points
    history, worth = breakage.estimate(min(at, now)), Worth(settings)
    outstanding = sum(by_month.values())
    lapsing = _lapsing(rows, history)
    total = sum(lapsing.values(), Fraction(0)) if history.is_known else None
    return {
        "as_of": at,
        "redemption": {
            "points_per_step": settings.redemption.points_per_step,
            "value_per_step": settings.redemption.value_per_step,
            "currency": settings.currency,
        },
        "outstanding": worth.of(outstanding),
        "available": worth.of(by_state["available"]),
        "pending": worth.of(by_state["pending"]),
        "held": worth.of(by_state["held"]),
        "debt": worth.of(by_state["debt"]),
        "never_expiring": worth.of(by_month.pop(None, 0)),
        "expiring": [
            {"month": f"{month:%Y-%m}"}
            | worth.of(points)
            | {"expected_to_lapse": worth.of(lapsing[month]) if history.is_known else None}
            for month, points in sorted(by_month.items())
            if points
        ],
        "breakage": _told(history, total, worth),
        "expected_redemption": None if total is None else worth.of(outstanding - _nearest(total)),
    }


def _sums(at: datetime, now: datetime, zone: str) -> list[tuple[str, Any, int | None, int]]:
    """Points by state, by the month of their last valid day, and by the tenth of their life."""
    given = {"at": at, "start": min(at, now), "zone": zone}
    found = db.session.execute(THEN if at < now else NOW, given)
    return [(row.state, row.month, row.tenth, row.points) for row in found]


def _lapsing(
    rows: Iterable[tuple[str, Any, int | None, int]], history: Breakage
) -> dict[Any, Fraction]:
    """The points that are expected to lapse, by month."""
    found: dict[Any, Fraction] = {}
    for state, month, tenth, points in rows:
        if state != "debt" and tenth is not None and history.is_known:
            found[month] = found.get(month, Fraction(0)) + points * history.chance(tenth)
    return found


def _told(history: Breakage, total: Fraction | None, worth: Worth) -> dict[str, Any]:
    return {
        "status": "estimated" if history.is_known else "too_little_history",
        "lots": history.lots,
        "lots_needed": breakage.LEAST_LOTS,
        "lapsed_share": None if history.lapsed is None else float(history.lapsed),
        "survival": [
            {
                "age_percent": 100 * tenth // breakage.TENTHS,
                "remaining_share": float(share),
                "lapse_share": float(history.chance(tenth)),
            }
            for tenth, share in enumerate(history.survival)
        ],
    } | ({"points": None, "value": None} if total is None else worth.of(total))
