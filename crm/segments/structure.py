"""Structure first: those who never bought and those who bought once are told apart by rule."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from crm.segments.features import Population
from crm.segments.vocabulary import PLACE

LEAST_GAPS = 30  # repeat buyers that make the store's own rhythm worth trusting
UNKNOWN_RHYTHM = (60, 180)  # days, for stores too young to know theirs
HALF, NINE_IN_TEN = 0.5, 0.9


@dataclass(frozen=True)
class Rhythm:
    """How long customers take to come back: within `usual_days` half of them, within `late_days`
    nine in ten. `own`: from the store's repeat buyers, else the defaults for young stores.
    """

    usual_days: int
    late_days: int
    own: bool

    def as_json(self) -> dict[str, Any]:
        """As it is stored with the run."""
        return asdict(self)


UNKNOWN = Rhythm(*UNKNOWN_RHYTHM, own=False)


def rhythm(people: Population) -> Rhythm:
    """The store's rhythm: quantiles of its repeat buyers' mean gaps, each buyer counted once."""
    gaps = people.mean_gap[people.returned]
    if len(gaps) < LEAST_GAPS:
        return UNKNOWN
    usual, late = np.ceil(np.quantile(gaps, [HALF, NINE_IN_TEN])).astype(int).tolist()
    usual = max(usual, 1)
    return Rhythm(usual, max(late, usual + 1), own=True)


def by_rule(people: Population, pace: Rhythm) -> np.ndarray:
    """Places in the vocabulary for members who bought at most once; -1 for repeat buyers."""
    return np.select(
        [
            people.returned,
            ~people.bought,
            people.recency <= pace.usual_days,
            people.recency <= pace.late_days,
        ],
        [-1, PLACE["prospects"], PLACE["new_customers"], PLACE["cooling"]],
        default=PLACE["lost"],
    ).astype(np.int8)
