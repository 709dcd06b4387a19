"""The few sums that results are made of: no member's own figures leave the database.

A group is an arm or the holdout. All arrays have the groups on their first axis, the holdout first;
further axes, if any, are campaigns side by side, as in a simulation.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Members and buyers, means of x (spend before) and y (profit after), and sums of squares and
    products about the means, per group. Amounts in minor units."""

    n: Floats
    buyers: Floats
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats
    yy: Floats

    @classmethod
    def of_sums(
        cls,
        n: ArrayLike,
        buyers: ArrayLike,
        x: ArrayLike,
        y: ArrayLike,
        xx: ArrayLike,
        xy: ArrayLike,
        yy: ArrayLike,
    ) -> "Moments":
        """From counts and plain sums Σx, Σy, Σx², Σxy, Σy². A group of nobody has zeros."""
        plain = (n, buyers, x, y, xx, xy, yy)
        count, bought, sx, sy, sxx, sxy, syy = (np.asarray(one, float) for one in plain)
        some = np.maximum(count, 1)
        return cls(
            n=count,
            buyers=bought,
            x=sx / some,
            y=sy / some,
            # A sum of squares about the mean is never negative; rounding may say so.
            xx=np.maximum(sxx - sx * sx / some, 0),
            xy=sxy - sx * sy / some,
            yy=np.maximum(syy - sy * sy / some, 0),
        )

    def less(self, cost: ArrayLike) -> "Moments":
        """With `cost` per member taken off each y of a group."""
        return replace(self, y=self.y - np.asarray(cost, float))
