"""Percentiles of whole populations: equal values get equal ranks, whatever the ties."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crm.segments.features import Population

POINTS = 1000  # of a stored table


def midranks(values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """For each value: the share of `among` below it plus half the share equal to it, 0 to 1.

    A population of one, or of equals, is at .5; so is everybody compared with nobody.
    """
    return midranks_in(values, np.sort(values if among is None else among))


def midranks_in(values: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """The same among values that are in ascending order already."""
    if not len(ordered):
        return np.full(len(values), 0.5)
    below = np.searchsorted(ordered, values, "left")
    upto = np.searchsorted(ordered, values, "right")
    return (below + upto) / (2 * len(ordered))


def table(values: np.ndarray, digits: int = 6, points: int = POINTS) -> dict[str, Any]:
    """The distribution as at most so many knots, for `crm.segments.percentiles.Table`.

    At each knot `below` is the share of smaller values and `upto` that of values not larger, exact
    to so many digits.
    """
    return table_of(np.sort(values), digits, points)


def table_of(ordered: np.ndarray, digits: int = 6, points: int = POINTS) -> dict[str, Any]:
    """The same of values that are in ascending order already."""
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    distinct, below = ordered[starts], starts
    upto = np.append(starts[1:], len(ordered)) if len(ordered) else starts
    if len(distinct) > points:
        steps = np.linspace(0, len(ordered) - 1, points).astype(np.int64)
        keep = np.unique(np.searchsorted(upto, steps, "right"))
        distinct, below, upto = distinct[keep], below[keep], upto[keep]
    total = max(len(ordered), 1)
    return {
        "values": distinct.tolist(),
        "below": np.round(below / total, digits).tolist(),
        "upto": np.round(upto / total, digits).tolist(),
    }


def midranks_by(stored: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """`crm.segments.percentiles.Table.midrank` of many values at once, by a stored table."""
    knots, below, upto = (np.asarray(stored[name], float) for name in ("values", "below", "upto"))
    if not len(knots):
        return np.full(len(values), 0.5)
    after = np.searchsorted(knots, values, "left")
    right = np.minimum(after, len(knots) - 1)
    left = np.maximum(right - 1, 0)
    width = np.where(right > left, knots[right] - knots[left], 1.0)
    between = upto[left] + (below[right] - upto[left]) * (values - knots[left]) / width
    found = np.where(knots[right] == values, (below[right] + upto[right]) / 2, between)
    found = np.where((after == 0) & (knots[0] != values), 0.0, found)
    return np.where(after == len(knots), 1.0, found)


def middles(values: np.ndarray) -> np.ndarray:
    """The two values in the middle, of an odd number the same one twice; there must be a value."""
    middle = [(len(values) - 1) // 2, len(values) // 2]
    return np.partition(values, middle)[middle]


@dataclass(frozen=True)
class Spread:
    """How recency, frequency and monetary of some members are spread: each in ascending order."""

    recency: np.ndarray
    frequency: np.ndarray
    monetary: np.ndarray

    @classmethod
    def of(cls, people: Population) -> "Spread":
        """Of these members."""
        return cls(np.sort(people.recency), np.sort(people.frequency), np.sort(people.monetary))

    def positions(self, people: Population) -> np.ndarray:
        """The percentiles of members among these, more is better; shape (n, 3)."""
        return self._ranked(people.recency, people.frequency, people.monetary)

    def median_position(self, people: Population) -> np.ndarray:
        """The medians of the members' percentiles; shape (3,). There must be a member."""
        middle = [middles(each) for each in (people.recency, people.frequency, people.monetary)]
        return self.between(*middle)

    def between(
        self, recency: np.ndarray, frequency: np.ndarray, monetary: np.ndarray
    ) -> np.ndarray:
        """The same by the `middles` of each; ranks grow with values, so theirs are the middle ones.

        Shape (3,).
        """
        return self._ranked(recency, frequency, monetary).mean(axis=0)

    def _ranked(
        self, recency: np.ndarray, frequency: np.ndarray, monetary: np.ndarray
    ) -> np.ndarray:
        return np.column_stack(
            [
                midranks_in(-recency, -self.recency[::-1]),
                midranks_in(frequency, self.frequency),
                midranks_in(monetary, self.monetary),
            ]
        )

    def tables(self) -> dict[str, Any]:
        """As they are stored with a run."""
        return {
            "recency": table_of(self.recency),
            "frequency": table_of(self.frequency),
            "monetary": table_of(self.monetary),
        }


@dataclass(frozen=True)
class Spreads:
    """How all buyers are spread, and how those who came back are among themselves."""

    buyers: Spread
    repeat: Spread

    @classmethod
    def of(cls, people: Population) -> "Spreads":
        """Of these members."""
        return cls(Spread.of(people.buyers), Spread.of(people.repeat))

    def tables(self) -> dict[str, Any]:
        """As they are stored with a run."""
        return self.buyers.tables() | {"repeat": self.repeat.tables()}
