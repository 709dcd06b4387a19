"""The smallest effect that a campaign of this size can tell from chance, known before launch.

    detectable = (z(1 - alpha / 2) + z(power)) * sqrt(variance * (1 / treated + 1 / holdout))

Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), two means.
"""

from math import inf, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a plan needs no numpy
    from crm.campaigns.results.moments import Moments

ALPHA = 0.05
POWER = 0.8


def detectable(
    n_treated: int, n_holdout: int, variance: float, *, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The true difference per member that is found with this power; in the unit of `variance`'s
    root. Infinite where one side has no members.

    `variance`: of a member's profit in a window as long as the campaign's, after adjusting by
    earlier spend (`unexplained`); the audience's own past tells it.
    """
    assert variance >= 0
    assert 0 < power < 1
    if n_treated < 1 or n_holdout < 1:
        return inf
    normal = NormalDist()
    reach = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
    return reach * sqrt(variance * (1 / n_treated + 1 / n_holdout))


def unexplained(before: "Moments") -> float:
    """The variance of y that earlier spend leaves: of an audience as one group, y its profit in
    the last window before launch, x its spend before that."""
    n, xx, xy, yy = (float(part.sum()) for part in (before.n, before.xx, before.xy, before.yy))
    explained = xy * xy / xx if xx > 0 else 0.0
    return max(0.0, yy - explained) / max(1.0, n - 2)
