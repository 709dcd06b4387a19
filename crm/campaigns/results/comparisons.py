"""Which arm is best, said only when chance is ruled out for all pairs together.

Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
6 (1979): however many pairs are compared, a false winner is named in at most 5 % of campaigns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from crm.campaigns.results.effects import Adjusted, Effect, between
from crm.campaigns.results.moments import Floats

ALPHA = 0.05


def holm(p: Sequence[float] | Floats) -> list[float]:
    """The p-values, adjusted for being many; in the order given."""
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms by their numbers (1 …): how much more the first has per member; p after Holm."""

    first: int
    second: int
    effect: Effect
    p: float

    @property
    def better(self) -> int | None:
        """The better of the two, or None while chance explains the difference."""
        if self.p > ALPHA:
            return None
        return self.first if float(self.effect.estimate) > 0 else self.second


def pairs(groups: Adjusted) -> list[Pair]:
    """Every arm against every other."""
    both = list(combinations(range(1, len(groups.mean)), 2))
    effects = [between(groups, first, second) for first, second in both]
    ps = holm([float(one.p) for one in effects])
    return [Pair(*of, effect, p) for of, effect, p in zip(both, effects, ps, strict=True)]


def winner(compared: Sequence[Pair], arms: int) -> int | None:
    """The arm that is better than each other one; None while there is no such arm."""
    for arm in range(1, arms + 1):
        met = [one for one in compared if arm in (one.first, one.second)]
        if met and all(one.better == arm for one in met):
            return arm
    return None
