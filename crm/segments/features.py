"""RFM features of all members as of one instant: the input of a segmentation run.

recency: days from the member's last purchase day to the day of the run. frequency: distinct days
with a counted order. monetary: net of refunds, minor units. tenure: days since the first purchase
day. All days are local; the run's own day is the programme's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256
from uuid import UUID

import numpy as np

# Narrow types: a million members are 38 MB, and a run makes copies of parts of them.
KINDS = {
    "recency": np.int32,
    "frequency": np.int32,
    "monetary": np.int64,
    "tenure": np.int32,
    "previous": np.int8,
    "settled": np.int8,
    "waiting": np.int8,
}
NEVER = -1  # recency and tenure of members who have not bought


@dataclass(frozen=True)
class Population:
    """Members ordered by id, one array per feature, all of one length.

    `ids` has shape (n, 2): the halves of the UUID as unsigned 64-bit numbers. `previous` is the
    place of the member's segment so far in the vocabulary, or -1; `settled` that of the last one
    that counted, another one while a move waits for a second run to agree (`waiting` 1).
    """

    ids: np.ndarray
    recency: np.ndarray
    frequency: np.ndarray
    monetary: np.ndarray
    tenure: np.ndarray
    previous: np.ndarray
    settled: np.ndarray
    waiting: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[tuple[UUID, int, int, int, int, int]]) -> "Population":
        """From rows (member, recency, frequency, monetary, tenure, previous), in any order.

        No move of theirs waits.
        """
        ids = np.array(
            [(row[0].int >> 64, row[0].int & (2**64 - 1)) for row in rows], dtype=np.uint64
        ).reshape(-1, 2)
        given = np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 5).T
        columns = [*given, given[4], np.zeros(len(rows))]
        kinds = zip(columns, KINDS.values(), strict=True)
        return cls(ids, *(column.astype(kind) for column, kind in kinds)).ordered()

    def ordered(self) -> "Population":
        """The same members by ascending id: no result may hang on the order of the rows."""
        order = np.lexsort((self.ids[:, 1], self.ids[:, 0]))
        return self.take(order)

    def take(self, which: np.ndarray | slice) -> "Population":
        """The members at these places, or where a mask is true; of a slice no copy is made."""
        return Population(*(getattr(self, item.name)[which] for item in fields(self)))

    def joined(self, others: "Population") -> "Population":
        """These members, then the others."""
        names = [item.name for item in fields(self)]
        return Population(*(np.concatenate([getattr(self, x), getattr(others, x)]) for x in names))

    def __len__(self) -> int:
        return len(self.recency)

    @property
    def bought(self) -> np.ndarray:
        """Mask: at least one counted purchase."""
        return self.frequency > 0

    @property
    def returned(self) -> np.ndarray:
        """Mask: bought on at least two days."""
        return self.frequency > 1

    @cached_property
    def buyers(self) -> "Population":
        """Those who bought; of a shop where all did, no copy."""
        bought = self.bought
        return self.take(slice(None) if bought.all() else np.flatnonzero(bought))

    @cached_property
    def repeat(self) -> "Population":
        """Those who bought on at least two days."""
        return self.take(np.flatnonzero(self.returned))

    @property
    def mean_gap(self) -> np.ndarray:
        """Mean days between purchase days; 0 where there are fewer than two."""
        return (self.tenure - self.recency) * self.returned / np.maximum(self.frequency - 1, 1)

    def member_ids(self) -> list[UUID]:
        """The ids as UUIDs."""
        halves = self.ids.tolist()
        return [UUID(int=(high << 64) | low) for high, low in halves]

    def digest(self) -> str:
        """SHA-256 of ids and features, hexadecimal: what the result may depend on."""
        found = sha256(b"rfm 1")
        for values in (self.ids, self.recency, self.frequency, self.monetary, self.tenure):
            found.update(values.astype("<u8" if values is self.ids else "<i8").tobytes())
        return found.hexdigest()
