"""Names for groups of repeat buyers, from where they stand among all repeat buyers.

A position is three percentiles, 0 to 1: how recently, how often and for how much they buy, all
"more is better". A name belongs to the position that it describes; guards keep it honest.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from crm.segments.vocabulary import PLACE

POSITIONS = {
    "champions": (0.9, 0.9, 0.9),
    "loyal": (0.65, 0.8, 0.8),
    "potential_loyalists": (0.8, 0.5, 0.5),
    "promising": (0.7, 0.2, 0.2),
    "need_attention": (0.5, 0.5, 0.5),
    "about_to_sleep": (0.4, 0.2, 0.2),
    "at_risk": (0.3, 0.7, 0.7),
    "cannot_lose": (0.1, 0.9, 0.9),
    "hibernating": (0.15, 0.2, 0.2),
}
NAMES = tuple(POSITIONS)
MOST = len(NAMES) - 1  # positions that can all be named when nobody is a champion
BEST = 0.8  # champions have all three percentiles at least here
LEAVING = {"at_risk": 0.5, "cannot_lose": 0.3, "hibernating": 0.5}  # recency below this
RECENT = {"loyal": 0.4, "potential_loyalists": 0.5, "promising": 0.5}  # recency at least this
UNFIT, FORBIDDEN = 100.0, 10_000.0


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


def name_each(positions: np.ndarray, among_buyers: np.ndarray) -> np.ndarray:
    """The best name for every position on its own, as places in the vocabulary."""
    return _places(misfit(positions, among_buyers).argmin(axis=1))


def name_apart(positions: np.ndarray, among_buyers: np.ndarray) -> np.ndarray:
    """One name for every position, none twice, of the smallest misfit in all.

    Where two would get the same name, the one whom it suits less gets the next fitting one. Takes
    up to `MOST` positions.
    """
    assert len(positions) <= MOST
    rows, columns = linear_sum_assignment(misfit(positions, among_buyers))
    return _places(columns[np.argsort(rows)])


def _places(chosen: np.ndarray) -> np.ndarray:
    return np.array([PLACE[name] for name in NAMES], dtype=np.int8)[chosen]
