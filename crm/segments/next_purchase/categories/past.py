"""Purchase days of members and of pairs, and what was known of each pair at the end of any day.

A pair is a member and a category in which he bought. The history of a pair is one like a member's
(`crm.segments.next_purchase.histories`), of the days on which he bought in the category.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from crm.segments.next_purchase.histories import Histories, Snapshot

ROW = np.dtype([("owner", ">i4"), ("day", ">i4"), ("amount", ">i8")])
PRIOR = 50  # pairs: as many of the store's weigh in what is said of a category
NO_GAP = 30.0  # days, while nobody has come back
DIGITS = 9


@dataclass(frozen=True)
class Known:
    """The pairs that there were at the end of a day, one entry each.

    `kinds`: the places of their categories. `everybody`: all members who had bought anything, and
    `owners`: the places of the pairs' members among these.
    """

    pairs: Snapshot
    kinds: np.ndarray
    everybody: Snapshot
    owners: np.ndarray

    def __len__(self) -> int:
        return len(self.pairs)

    def features(self) -> dict[str, np.ndarray]:
        """Those within the category, and two of the member's purchases of any kind."""
        return self.pairs.features() | {
            "all_recency": self.everybody.recency[self.owners].astype(np.float64),
            "all_frequency": self.everybody.frequency[self.owners].astype(np.float64),
        }


@dataclass(frozen=True)
class Habits:
    """What was known of each category at an instant.

    `rates`: which share of its customers bought in it within the days before. `gaps`: how many
    days its customers let pass between two purchases in it (geometric mean). Both are drawn towards
    those of all pairs, `rate` and `gap`. `customers`: from how many pairs.
    """

    rates: np.ndarray
    gaps: np.ndarray
    customers: np.ndarray
    rate: float
    gap: float


@dataclass(frozen=True)
class Past:
    """`names` of categories, in order; the histories of `members` and of `pairs`, these ordered by
    (category, member). `owners` and `kinds` say of each pair whose and of which category it is.
    """

    names: tuple[str, ...]
    members: Histories
    pairs: Histories
    owners: np.ndarray
    kinds: np.ndarray

    @classmethod
    def of(cls, everything: np.ndarray, categories: Mapping[str, np.ndarray]) -> "Past":
        """From `ROW`s ordered by (owner, day), one per day: those of purchases of any kind, and
        those of each category. Owners are 0, 1, … without a gap.
        """
        names = tuple(sorted(categories))
        rows = [categories[name] for name in names]
        owners = np.concatenate([np.zeros(0, np.int64), *(each["owner"] for each in rows)])
        kinds = np.repeat(np.arange(len(names)), [len(each) for each in rows])
        days = np.concatenate([np.zeros(0, np.int64), *(each["day"] for each in rows)])
        amounts = np.concatenate([np.zeros(0, np.int64), *(each["amount"] for each in rows)])
        pairs = Histories.of(kinds * (len(everything) + 1) + owners, days, amounts)
        first = pairs.starts[:-1]
        whole = (everything[name].astype(np.int64) for name in ROW.names or ())
        return cls(names, Histories.of(*whole), pairs, owners[first], kinds[first])

    def first_members(self, most_pairs: int) -> int:
        """How many members, from the first on, have no more pairs than that together."""
        counts = np.bincount(self.owners, minlength=len(self.members))
        return int(np.searchsorted(np.cumsum(counts), most_pairs, "right"))

    def digest(self) -> str:
        """SHA-256 of all of it, hexadecimal."""
        found = sha256("\0".join(("pairs 1", *self.names)).encode())
        for histories in (self.members, self.pairs):
            found.update(histories.digest().encode())
        for values in (self.owners, self.kinds):
            found.update(values.astype("<i8").tobytes())
        return found.hexdigest()

    def at(self, day: int) -> Known:
        """What was known at the end of `day`."""
        pairs, everybody = self.pairs.at(day), self.members.at(day)
        places = np.cumsum(everybody.bought) - 1
        return Known(pairs, self.kinds[pairs.bought], everybody, places[self.owners[pairs.bought]])

    def habits(self, until: int, days: int) -> Habits:
        """At the end of `until`; rates are those of who were customers `days` before it."""
        size = len(self.names)
        there = self.pairs.at(until - days).bought
        came = self.pairs.purchases(until - days, until) > 0
        customers = np.bincount(self.kinds[there], minlength=size)
        bought = np.bincount(self.kinds[there], weights=came, minlength=size)
        rate = (came.sum() + 1) / (len(came) + 2)
        rates = (bought + PRIOR * rate) / (customers + PRIOR)
        known = self.pairs.at(until)
        again = known.frequency > 1
        kinds, logs = self.kinds[known.bought][again], np.log(known.gap[again])
        log = logs.mean() if len(logs) else np.log(NO_GAP)
        returned = np.bincount(kinds, minlength=size)
        sums = np.bincount(kinds, weights=logs, minlength=size)
        gaps = np.exp((sums + PRIOR * log) / (returned + PRIOR))
        return Habits(
            rates.round(DIGITS),
            gaps.round(DIGITS),
            np.bincount(self.kinds[known.bought], minlength=size),
            round(float(rate), DIGITS),
            round(float(np.exp(log)), DIGITS),
        )
