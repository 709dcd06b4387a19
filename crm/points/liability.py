"""What the shop owes its members in points at an instant, what it is worth, and when it lapses.

The past is as it was, by what had happened by then; the future as it will be if nothing else
happens (releases, lapses and debts included), as `crm.points.balances` tells of one member.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from math import floor
from typing import Any

from crm.points import breakage, outstanding, programme
from crm.points.breakage import Breakage
from crm.points.programme_settings import Programme


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
    rows = outstanding.sums(at, settings.zone, now=now)
    by_state, by_month = Counter(), Counter()
    for row in rows:
        by_state[row.state] += row.points
        if row.state != "debt":
            by_month[row.month] += row.points
    history, worth = breakage.estimate(min(at, now)), Worth(settings)
    owed = sum(by_month.values())
    lapsing = _lapsing(rows, history)
    total = sum(lapsing.values(), Fraction(0)) if history.is_known else None
    return {
        "as_of": at,
        "redemption": {
            "points_per_step": settings.redemption.points_per_step,
            "value_per_step": settings.redemption.value_per_step,
            "currency": settings.currency,
        },
        "outstanding": worth.of(owed),
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
        "expected_redemption": None if total is None else worth.of(owed - _nearest(total)),
    }


def _lapsing(rows: Iterable[outstanding.Sum], history: Breakage) -> dict[date | None, Fraction]:
    """The points that are expected to lapse, by month. What is held is expected to be captured."""
    found: dict[date | None, Fraction] = defaultdict(Fraction)
    for row in rows:
        if row.tenth is not None and history.is_known:
            found[row.month] += row.points * history.chance(row.tenth)
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
