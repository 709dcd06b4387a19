"""What a campaign brought beyond doing nothing: differences of means, adjusted by earlier spend.

Each arm is compared with the holdout, whose members were drawn by chance from the same audience.
Everybody who was assigned counts, whether a message reached him or not (intention to treat). Chance
leaves a difference in earlier spend; it is taken out with the slope of profit on earlier spend
within the groups. With e = y - b x, b = Σ Sxy / Σ Sxx over all groups,

    effect = mean(e) of the arm - mean(e) of the holdout
    variance = s²(arm) / n(arm) + s²(holdout) / n(holdout)

where s² of a group is a weighted mean of its own variance of e and that of all groups together; the
more buyers a group has, the more its own counts. Few buyers say little of how much buyers differ: a
small group that happens to hold no large one would think itself too certain.

Sources: Fisher, Statistical Methods for Research Workers (1932), analysis of covariance; Deng, Xu,
Kohavi, Walker, "Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data", WSDM 2013 (the same under the name CUPED); unequal variances and degrees of
freedom: Welch, Biometrika 34 (1947). See docs/measurement.md for what was chosen and why.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from crm.campaigns.results.moments import Floats, Moments

LEVEL = 0.95
MANY = 1e9  # degrees of freedom of what does not vary: as good as any number
OWN = 500  # buyers from which on a group's own variance counts for more than the others'


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect with the ends of its interval, its standard error and degrees of freedom."""

    estimate: Floats
    error: Floats
    freedom: Floats
    level: float = LEVEL

    @property
    def reach(self) -> Floats:
        """Half the width of the interval."""
        return special.stdtrit(self.freedom, (1 + self.level) / 2) * self.error

    @property
    def low(self) -> Floats:
        """The lower end."""
        return self.estimate - self.reach

    @property
    def high(self) -> Floats:
        """The upper end."""
        return self.estimate + self.reach

    @property
    def p(self) -> Floats:
        """The chance of a difference at least this large if there were none (two-sided)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.estimate) / self.error
        settled = np.where(self.estimate == 0, 1.0, 0.0)  # nothing varies: it is, or it isn't
        return np.where(self.error > 0, 2 * special.stdtr(self.freedom, -t), settled)

    def times(self, factor: Floats | float) -> "Effect":
        """The effect on so many members together."""
        return Effect(self.estimate * factor, self.error * factor, self.freedom, self.level)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Means of the groups at equal earlier spend, the variance of each mean and of a member,
    degrees of freedom."""

    mean: Floats
    variance: Floats
    spread: Floats
    freedom: Floats
    slope: Floats


def adjusted(moments: Moments) -> Adjusted:
    """Each group's mean as if all groups had spent the same before."""
    slope = _ratio(moments.xy.sum(axis=0), moments.xx.sum(axis=0))
    everybody = moments.n.sum(axis=0)
    at = _ratio((moments.n * moments.x).sum(axis=0), everybody)
    about = np.maximum(moments.yy - 2 * slope * moments.xy + slope**2 * moments.xx, 0)
    freedom = np.maximum(moments.n - 1, 1)
    together = about.sum(axis=0) / np.maximum(everybody - len(moments.n) - 1, 1)
    weight = moments.buyers / (moments.buyers + OWN)
    spread = weight * about / freedom + (1 - weight) * together
    return Adjusted(
        mean=moments.y - slope * (moments.x - at),
        variance=spread / np.maximum(moments.n, 1),
        spread=spread,
        freedom=freedom,
        slope=slope,
    )


def between(groups: Adjusted, one: int, other: int) -> Effect:
    """How much more group `one` has per member than group `other`."""
    return combined(groups, {one: 1.0, other: -1.0})


def combined(groups: Adjusted, weights: dict[int, Floats | float]) -> Effect:
    """A weighted sum of the groups' means, with the Welch-Satterthwaite degrees of freedom."""
    estimate = sum(groups.mean[at] * weight for at, weight in weights.items())
    parts = {at: groups.variance[at] * np.square(weight) for at, weight in weights.items()}
    variance = np.asarray(sum(parts.values()), float)
    spread = np.asarray(sum(part**2 / groups.freedom[at] for at, part in parts.items()), float)
    freedom = np.where(spread > 0, _ratio(variance**2, spread), MANY)
    return Effect(np.asarray(estimate, float), np.sqrt(variance), freedom)


def over_holdout(groups: Adjusted) -> Effect:
    """Each arm against the holdout (group 0), per member: one row per arm."""
    found = [between(groups, arm, 0) for arm in range(1, len(groups.mean))]
    return Effect(
        np.stack([one.estimate for one in found]),
        np.stack([one.error for one in found]),
        np.stack([one.freedom for one in found]),
    )


def in_total(moments: Moments, groups: Adjusted) -> Effect:
    """What all arms together brought: the sum over their members, against the one holdout."""
    arms = range(1, len(moments.n))
    weights: dict[int, Floats | float] = {arm: moments.n[arm] for arm in arms}
    return combined(groups, weights | {0: -moments.n[1:].sum(axis=0)})


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above, dtype=float), where=below > 0)
