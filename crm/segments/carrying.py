"""Which of the clusters before does a new cluster carry on? By optimal assignment."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from crm.segments.model import Model
from crm.segments.standard_scale import DIGITS, Scale


def carried(
    before: Model | None, scale: Scale, centers: np.ndarray, farthest: float
) -> tuple[np.ndarray, list[float | None]]:
    """For each new cluster the name it takes over (place in the vocabulary, or -1), and its shift.

    Old and new centroids are paired so that the way between them is shortest in all, on the new
    scale. One that has gone farther than `farthest` standard deviations is a new segment.
    """
    names = np.full(len(centers), -1, dtype=np.int8)
    shifts: list[float | None] = [None] * len(centers)
    if before is None or before.scale is None or before.centers is None or before.names is None:
        return names, shifts
    old = before.scale.onto(scale, before.centers)
    ways = np.sqrt(np.square(centers[:, None, :] - old[None, :, :]).sum(axis=2)).round(DIGITS)
    for new, was in zip(*linear_sum_assignment(ways), strict=True):
        if ways[new, was] <= farthest:
            names[new] = before.names[was]
            shifts[new] = float(ways[new, was])
    return names, shifts
