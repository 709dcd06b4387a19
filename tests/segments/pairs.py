"""A shop whose categories have rhythms of their own, as days of purchase."""

import numpy as np

from crm.segments.next_purchase.categories.past import ROW, Past

TODAY = 740_000
# Category: the mean days between two purchases of it, and how many members ever take to it.
RHYTHMS = {"beans": (21, 0.6), "filters": (70, 0.5), "cups": (240, 0.4), "gifts": (365, 0.3)}

Bought = tuple[int, str, int, int]  # member, category, day, amount


def purchases(
    members: int = 600, days: int = 800, seed: int = 5, today: int = TODAY
) -> list[Bought]:
    """Each member takes to some categories, buys in them at his own pace, and may leave."""
    draw = np.random.default_rng(seed)
    found = []
    for member in range(members):
        pace, start = draw.lognormal(0, 0.4), draw.uniform(5, days)
        leaves = start - draw.exponential(days)  # days ago
        for category, (gap, share) in RHYTHMS.items():
            if draw.random() > share:
                continue
            ago = start - draw.exponential(gap / 3)
            while ago > max(leaves, 0):
                found.append((member, category, today - int(ago), int(draw.integers(500, 9_000))))
                ago -= gap * pace * draw.gamma(4, 1 / 4) + 1
    return found


def past_of(bought: list[Bought]) -> Past:
    """These purchases, whatever their order; members are numbered as they are found in it."""
    numbers = {member: place for place, member in enumerate(sorted({row[0] for row in bought}))}
    everything: dict[tuple[int, int], int] = {}
    categories: dict[str, dict[tuple[int, int], int]] = {}
    for member, category, day, amount in bought:
        key = (numbers[member], day)
        for sums in (everything, categories.setdefault(category, {})):
            sums[key] = sums.get(key, 0) + amount
    return Past.of(_rows(everything), {name: _rows(sums) for name, sums in categories.items()})


def _rows(sums: dict[tuple[int, int], int]) -> np.ndarray:
    return np.array([(*key, amount) for key, amount in sorted(sums.items())], ROW)
