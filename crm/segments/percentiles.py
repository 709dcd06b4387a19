"""Where one value stands in a stored distribution, by bisection: no scan, no numpy."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A distribution as `crm.segments.ranks.table` stores it: knots in ascending order."""

    values: list[int]
    below: list[float]
    upto: list[float]

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "Table":
        """From the JSON of a run."""
        return cls(stored["values"], stored["below"], stored["upto"])

    def shares(self, value: int) -> tuple[float, float]:
        """The shares of (smaller, not larger) values: exact at a knot, between them a line."""
        place = bisect_left(self.values, value)
        if place == len(self.values):
            return (1.0, 1.0) if self.values else (0.5, 0.5)
        if self.values[place] == value:
            return self.below[place], self.upto[place]
        if place == 0:
            return 0.0, 0.0
        left, right = self.values[place - 1], self.values[place]
        start, end = self.upto[place - 1], self.below[place]
        share = start + (end - start) * (value - left) / (right - left)
        return share, share

    def midrank(self, value: int) -> float:
        """The percentile, 0 to 1: the share below plus half the share equal."""
        below, upto = self.shares(value)
        return (below + upto) / 2
