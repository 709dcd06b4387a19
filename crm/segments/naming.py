"""Names for groups of repeat buyers, from where they stand among all repeat buyers.

What the names stand for, and their guards: `crm.segments.positions`.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from crm.segments.positions import BEST, FORBIDDEN, LEAVING, NAMES, POSITIONS, RECENT, UNFIT
from crm.segments.vocabulary import PLACE

MOST = len(NAMES) - 1  # positions that can all be named when nobody is a champion
PLACES = np.array([PLACE[name] for name in NAMES], dtype=np.int8)
KEPT = 50.0  # what a name that is carried on is worth: more than any misfit, less than a guard


def misfit(positions: np.ndarray, among_buyers: np.ndarray) -> np.ndarray:
    """How badly each name suits each position, shape (n, names).

    Names that say "recently" or "stayed away" are kept from the others (`UNFIT`); only when names
    run out can they be crossed. Champions are always among the best (`FORBIDDEN` else).
    `among_buyers` are the same groups' percentiles among all buyers: champions must be among the
    best of both, so that nobody who looks at either figure finds the name too grand.
    """
    away = [np.square(positions - ideal).sum(axis=1) for ideal in POSITIONS.values()]
    cost = np.stack(away, axis=1).round(9)
    best = (np.minimum(positions, among_buyers) >= BEST).all(axis=1)
    cost[~best, NAMES.index("champions")] += FORBIDDEN
    recency = positions[:, 0]
    for name, limit in LEAVING.items():
        cost[recency >= limit, NAMES.index(name)] += UNFIT
    for name, limit in RECENT.items():
        cost[recency < limit, NAMES.index(name)] += UNFIT
    return cost


def name_each(positions: np.ndarray, among_buyers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best name for every position on its own, as places in the vocabulary, and its margin.

    The margin says how clear the name is: 0 where the next name suits as well, towards 1.
    """
    cost = misfit(positions, among_buyers)
    chosen = cost.argmin(axis=1)
    own, following = np.partition(cost, 1, axis=1)[:, :2].T
    margins = np.where(following > 0, 1 - np.sqrt(own / np.maximum(following, 1e-24)), 0.0)
    return PLACES[chosen], margins


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
