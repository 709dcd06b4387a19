"""What each name of a repeat buyers' segment says about its position. Pure Python: also for one
member at a time, in processes that do not load numpy.

A position is three percentiles, 0 to 1: how recently, how often and for how much they buy, all
"more is better". A name belongs to the position that it describes; guards keep it honest.
"""

from collections.abc import Sequence
from math import sqrt

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
BEST = 0.8  # champions have all three percentiles at least here
LEAVING = {"at_risk": 0.5, "cannot_lose": 0.3, "hibernating": 0.5}  # recency below this
RECENT = {"loyal": 0.4, "potential_loyalists": 0.5, "promising": 0.5}  # recency at least this
UNFIT, FORBIDDEN = 100.0, 10_000.0


def ranked(position: Sequence[float], among_buyers: Sequence[float]) -> list[tuple[float, str]]:
    """The names for one position with their misfits, best first; see `naming.misfit`."""
    best = min(*position, *among_buyers) >= BEST
    found = []
    for name, ideal in POSITIONS.items():
        cost = round(
            sum((here - there) ** 2 for here, there in zip(position, ideal, strict=True)), 9
        )
        if name == "champions" and not best:
            cost += FORBIDDEN
        if name in LEAVING and position[0] >= LEAVING[name]:
            cost += UNFIT
        if name in RECENT and position[0] < RECENT[name]:
            cost += UNFIT
        found.append((cost, name))
    return sorted(found, key=lambda each: each[0])  # stable: ties go by the vocabulary's order


def margin(own: float, following: float) -> float:
    """How clear a name is, from the misfits of it and the next one: 0 to 1."""
    return 1 - sqrt(own / following) if following > 0 else 0.0
