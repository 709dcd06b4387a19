"""Names for groups of repeat buyers, from where they stand among all repeat buyers.

What the names stand for, and their guards: `crm.segments.positions`. numpy only: every night's
run comes here.
"""

import numpy as np

from crm.segments.positions import BEST, FORBIDDEN, LEAVING, NAMES, POSITIONS, RECENT, UNFIT
from crm.segments.vocabulary import PLACE

PLACES = np.array([PLACE[name] for name in NAMES], dtype=np.int8)


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
