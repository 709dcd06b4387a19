"""One name for each cluster, none twice, by optimal assignment. Only refits need it, and SciPy."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from crm.segments.naming import PLACES, misfit
from crm.segments.positions import NAMES

MOST = len(NAMES) - 1  # positions that can all be named when nobody is a champion
KEPT = 50.0  # what a name that is carried on is worth: more than any misfit, less than a guard


def name_apart(
    positions: np.ndarray, among_buyers: np.ndarray, carried: np.ndarray | None = None
) -> np.ndarray:
    """One name for every position, none twice, of the smallest misfit in all.

    Where two would get the same name, the one whom it suits less gets the next fitting one. Takes
    up to `MOST` positions. A name that is `carried` on (place in the vocabulary, -1: none) is kept
    unless a guard forbids it.
    """
    assert len(positions) <= MOST
    cost = misfit(positions, among_buyers)
    if carried is not None:
        cost -= KEPT * (carried[:, None] == PLACES[None, :])
    rows, columns = linear_sum_assignment(cost)
    return PLACES[columns[np.argsort(rows)]]
