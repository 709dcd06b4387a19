"""Purchase days of many members, and what was known of each of them at the end of any past day.

Days are integers (`date.toordinal`); amounts are net of refunds in minor units.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np


@dataclass(frozen=True)
class Snapshot:
    """Members who had bought by the end of a day, one array per feature, in the histories' order.

    recency, tenure: days since the last and the first purchase day. frequency: purchase days.
    monetary: minor units. gap: mean days between purchase days, 0 where there is one only. `bought`
    is a mask over all members of the histories: who these are.
    """

    bought: np.ndarray
    recency: np.ndarray
    frequency: np.ndarray
    monetary: np.ndarray
    tenure: np.ndarray
    gap: np.ndarray

    def __len__(self) -> int:
        return len(self.recency)

    def features(self) -> dict[str, np.ndarray]:
        """By name, as floats: what a score is made of (`crm.segments.next_purchase.chances`)."""
        names = ("recency", "frequency", "monetary", "tenure", "gap")
        return {name: getattr(self, name).astype(np.float64) for name in names}


@dataclass(frozen=True)
class Histories:
    """`days` and `amounts` of each member in turn, ascending; `starts` (one more than there are
    members) says where each member's begin. One entry per member and day.
    """

    starts: np.ndarray
    days: np.ndarray
    amounts: np.ndarray

    @classmethod
    def of(cls, owners: np.ndarray, days: np.ndarray, amounts: np.ndarray) -> "Histories":
        """From purchases ordered by (owner, day), one per owner and day."""
        if not len(owners):
            return cls(np.zeros(1, np.int64), days, amounts)
        begins = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        return cls(np.r_[begins, len(owners)], days, amounts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def first_day(self) -> int | None:
        """The day of the first purchase of all."""
        return int(self.days.min()) if len(self.days) else None

    def digest(self) -> str:
        """SHA-256 of all of it, hexadecimal."""
        found = sha256(b"histories 1")
        for values in (self.starts, self.days, self.amounts):
            found.update(values.astype("<i8").tobytes())
        return found.hexdigest()

    def _counts(self, day: int) -> np.ndarray:
        """How many purchase days each member had by the end of `day`."""
        upto = np.r_[0, np.cumsum(self.days <= day)]
        return upto[self.starts[1:]] - upto[self.starts[:-1]]

    def at(self, day: int) -> Snapshot:
        """What was known at the end of `day`. Later purchases don't show, not even as a member."""
        counts = self._counts(day)
        bought = counts > 0
        times, begin = counts[bought], self.starts[:-1][bought]
        first, last = self.days[begin], self.days[begin + times - 1]
        spent = np.r_[0, np.cumsum(self.amounts)]
        return Snapshot(
            bought,
            recency=day - last,
            frequency=times,
            monetary=spent[begin + times] - spent[begin],
            tenure=day - first,
            gap=(last - first) / np.maximum(times - 1, 1),
        )

    def purchases(self, day: int, until: int) -> np.ndarray:
        """Purchase days after `day` up to the end of `until`, of those who had bought by `day`."""
        known = self._counts(day)
        return (self._counts(until) - known)[known > 0]
