"""The rules of tiers once more, told naively: day by day, with nothing but calendars and loops.

It shares no code with the product. Orders come at noon of their day, refunds at six, local time.
"""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

ONE = timedelta(days=1)


def plus(day: date, months: int) -> date:
    """The same day some months on (or back), or that month's last."""
    step = 1 if months > 0 else -1
    year, month = day.year, day.month
    for _ in range(abs(months)):
        month += step
        if month == 13:
            year, month = year + 1, 1
        if month == 0:
            year, month = year - 1, 12
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@dataclass
class Bought:
    """An order of the oracle: its day and what is left of its value."""

    day: date
    left: int


@dataclass
class Oracle:
    """A member, lived through day by day."""

    document: dict[str, Any]
    joined: date
    rank: int = 0
    last_valid: date | None = None
    last_grace: date | None = None
    orders: list[Bought] = field(default_factory=list)
    history: list[tuple[date, str, str, str]] = field(default_factory=list)

    @property
    def tiers(self) -> list[dict[str, Any]]:
        """The rungs."""
        return self.document["tiers"]

    def year_of(self, day: date) -> int:
        """Which membership year a day lies in."""
        number = day.year - self.joined.year - 2
        while plus(self.joined, 12 * (number + 1)) <= day:
            number += 1
        return number

    def counts(self, order_day: date, on: date) -> bool:
        """Whether a day lies in the window as of another."""
        kind = self.document["window"]["kind"]
        if kind == "lifetime":
            return True
        if kind == "calendar_year":
            return order_day.year == on.year
        if kind == "membership_year":
            return self.year_of(order_day) == self.year_of(on)
        return plus(order_day, self.document["window"]["months"]) >= on

    def reaches(self, asked: dict[str, Any], orders: list[Bought]) -> bool:
        """Whether orders meet conditions."""
        counted = [one for one in orders if one.left > 0]
        have = {"spend": sum(one.left for one in counted), "orders": len(counted)}
        have["points_earned"] = 0
        verdicts = [
            have[one["metric"]] >= one["at_least"] for items in asked.values() for one in items
        ]
        return all(verdicts) if "all" in asked else any(verdicts)

    def highest(self, orders: list[Bought]) -> int:
        """The highest tier that orders qualify for."""
        found = 0
        for rank, tier in enumerate(self.tiers):
            if rank and self.reaches(tier["qualify"], orders):
                found = rank
        return found

    def note(self, day: date, before: int, cause: str) -> None:
        """Write a step down."""
        self.history.append((day, self.tiers[before]["code"], self.tiers[self.rank]["code"], cause))

    def buys(self, day: date, value: int) -> None:
        """An order at noon."""
        self.orders.append(Bought(day, value))
        best = self.highest([one for one in self.orders if self.counts(one.day, day)])
        if best > self.rank:
            before, self.rank = self.rank, best
            self.last_valid = plus(day, self.document["validity_months"])
            self.last_grace = None
            self.note(day, before, "upgrade")

    def wakes(self, day: date) -> None:
        """A day begins: did a period, or its grace, end with the day before?"""
        if self.last_valid is None or (self.last_grace or self.last_valid) != day - ONE:
            return
        last, validity = self.last_valid, self.document["validity_months"]
        if self.document["window"]["kind"] in ("calendar_year", "membership_year"):
            groups = [[one for one in self.orders if self.counts(one.day, last)]]
            groups[0] += [one for one in self.orders if one.day > last and one not in groups[0]]
            groups.append(
                [
                    one
                    for one in self.orders
                    if self.before(one.day, last) and one.day > plus(last, -validity)
                ]
            )
        else:
            groups = [[one for one in self.orders if self.counts(one.day, last + ONE)]]
        tier = self.tiers[self.rank]
        best = max(self.highest(group) for group in groups)
        keep = tier["keep"] or tier["qualify"]
        kept = best >= self.rank or any(self.reaches(keep, group) for group in groups)
        before = self.rank
        if kept or self.document["downgrade"] == "never":
            periods = 1
            while plus(last + ONE, validity * periods) <= day:
                periods += 1
            self.last_valid = plus(last + ONE, validity * periods) - ONE
            self.last_grace = None
            self.note(day, before, "kept")
        elif self.document["grace_days"] and self.last_grace is None:
            self.last_grace = last + timedelta(days=self.document["grace_days"])
        else:
            self.rank = best if self.document["downgrade"] == "straight" else self.rank - 1
            self.last_valid = plus(day, validity) - ONE if self.rank else None
            self.last_grace = None
            self.note(day, before, "downgrade")

    def before(self, order_day: date, on: date) -> bool:
        """Whether a day lies in the year before the one in progress."""
        if self.document["window"]["kind"] == "calendar_year":
            return order_day.year == on.year - 1
        return self.year_of(order_day) == self.year_of(on) - 1
