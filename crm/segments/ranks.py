"""Percentiles of whole populations: equal values get equal ranks, whatever the ties."""

from typing import Any

import numpy as np

POINTS = 1000  # of a stored table


def midranks(values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """For each value: the share of `among` below it plus half the share equal to it, 0 to 1.

    A population of one, or of equals, is at .5; so is everybody compared with nobody.
    """
    ordered = np.sort(values if among is None else among)
    if not len(ordered):
        return np.full(len(values), 0.5)
    below = np.searchsorted(ordered, values, "left")
    upto = np.searchsorted(ordered, values, "right")
    return (below + upto) / (2 * len(ordered))


def table(values: np.ndarray) -> dict[str, Any]:
    """The distribution as at most `POINTS` knots, for `crm.segments.percentiles.Table`.

    At each knot `below` is the exact share of smaller values and `upto` that of values not larger.
    """
    distinct, counts = np.unique(values, return_counts=True)
    upto = np.cumsum(counts)
    below = upto - counts
    if len(distinct) > POINTS:
        steps = np.linspace(0, len(values) - 1, POINTS).astype(np.int64)
        keep = np.unique(np.searchsorted(upto, steps, "right"))
        distinct, below, upto = distinct[keep], below[keep], upto[keep]
    total = max(len(values), 1)
    return {
        "values": distinct.tolist(),
        "below": np.round(below / total, 6).tolist(),
        "upto": np.round(upto / total, 6).tolist(),
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
