"""Where one member stands by what a run has stored: own and next segment, and what would change it.

Pure Python and no scan: a handful of distances, for a page that somebody waits for. It decides as
`crm.segments.segmentation` does for everybody at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log1p
from typing import Any

from crm.segments import positions
from crm.segments.percentiles import Table
from crm.segments.why import Features

FORESIGHT = 365  # days that are looked ahead


@dataclass(frozen=True)
class Place:
    """A segment, the next one to it, and the margin between: 0 on the border, 1 at the centre.

    Where a rule decided there is no margin, and `following` is the segment that time leads to.
    """

    code: str
    following: str | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Basis:
    """What a run went by: the store's rhythm; centroids, or the buyers' distributions."""

    usual_days: int
    late_days: int
    centroids: dict[str, Any] | None
    buyers: tuple[Table, Table, Table]
    repeat: tuple[Table, Table, Table]

    @classmethod
    def read(
        cls,
        rhythm: Mapping[str, Any],
        centroids: dict[str, Any] | None,
        percentiles: Mapping[str, Any],
    ) -> "Basis | None":
        """From what a run stored; None for runs of an earlier edition."""
        if "repeat" not in percentiles:
            return None
        return cls(
            rhythm["usual_days"],
            rhythm["late_days"],
            centroids,
            tables(percentiles),
            tables(percentiles["repeat"]),
        )

    def place(self, features: Features) -> Place:
        """Where a member with these features belongs."""
        if features.recency_days is None:
            return Place("prospects", "new_customers")
        if features.frequency > 1:
            return self._among_repeat(features, features.recency_days)
        if features.recency_days <= self.usual_days:
            return Place("new_customers", "cooling")
        return (
            Place("cooling", "lost") if features.recency_days <= self.late_days else Place("lost")
        )

    def _among_repeat(self, features: Features, recency: int) -> Place:
        found = (
            self._by_distance(features, recency)
            if self.centroids
            else positions.ranked(
                position(features, recency, self.repeat), position(features, recency, self.buyers)
            )
        )
        (own, code), (following, then) = found[:2]
        return Place(code, then, round(positions.margin(own, following), 6))

    def _by_distance(self, features: Features, recency: int) -> list[tuple[float, str]]:
        assert self.centroids is not None
        scale = self.centroids["scale"]
        values = (recency, features.frequency, features.monetary)
        point = [
            (log1p(value) - mean) / deviation
            for value, mean, deviation in zip(
                values, scale["mean"], scale["deviation"], strict=True
            )
        ]
        found = []
        for cluster in self.centroids["clusters"]:
            pairs = zip(point, cluster["center"], strict=True)
            found.append((sum((here - there) ** 2 for here, there in pairs), cluster["code"]))
        return sorted(found, key=lambda each: each[0])


def tables(stored: Mapping[str, Any]) -> tuple[Table, Table, Table]:
    """The distributions of recency, frequency and monetary."""
    recency, frequency, monetary = (
        Table.read(stored[name]) for name in ("recency", "frequency", "monetary")
    )
    return recency, frequency, monetary


def position(
    features: Features, recency: int, among: tuple[Table, Table, Table]
) -> tuple[float, float, float]:
    """Percentiles among others, more is better."""
    return (
        round(1 - among[0].midrank(recency), 9),
        round(among[1].midrank(features.frequency), 9),
        round(among[2].midrank(features.monetary), 9),
    )


def after_buying(features: Features) -> Features:
    """The features if the member bought today, for as much as usual (nothing known: nothing)."""
    first = features.recency_days is None
    today = features.recency_days == 0
    usual = features.monetary // max(features.frequency, 1)
    return replace(
        features,
        recency_days=0,
        frequency=features.frequency + (0 if today else 1),
        monetary=features.monetary + usual,
        tenure_days=0 if first else features.tenure_days,
    )


def days_left(basis: Basis, features: Features) -> tuple[int, str] | None:
    """In how many days without a purchase the member comes into which other segment.

    None when that does not happen within a year, or time has nothing to do with it. Looks in
    growing steps and then between the last two, so that it takes some thirty looks, not a year's.
    """
    if features.recency_days is None:
        return None
    here = basis.place(features).code

    def there(days: int) -> str:
        return basis.place(later(features, days)).code

    same, other = 0, 1
    while there(other) == here:
        if other >= FORESIGHT:
            return None
        same, other = other, min(other + 1 + other // 4, FORESIGHT)
    while other - same > 1:
        middle = (same + other) // 2
        same, other = (middle, other) if there(middle) == here else (same, middle)
    return other, there(other)


def later(features: Features, days: int) -> Features:
    """The features after so many days without a purchase."""
    if features.recency_days is None or features.tenure_days is None:
        return features
    return replace(
        features,
        recency_days=features.recency_days + days,
        tenure_days=features.tenure_days + days,
    )
