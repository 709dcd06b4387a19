"""What a run tells about its segments: sizes, shares, medians, movement, and the heat map."""

from typing import Any

import numpy as np

from crm.segments.features import Population
from crm.segments.ranks import midranks
from crm.segments.vocabulary import ALWAYS_SHOWN, CODES, PLACE

RECENCY_STEPS = np.array(  # days
    [7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365, 450, 540, 730]
)
FREQUENCY_FROM = (1, 2, 3, 5, 8)
RECENCY_BANDS = 5


def positions(people: Population, among: Population) -> np.ndarray:
    """Percentiles of recency, frequency, monetary among others, more is better; shape (n, 3)."""
    return np.column_stack(
        [
            midranks(-people.recency, -among.recency),
            midranks(people.frequency, among.frequency),
            midranks(people.monetary, among.monetary),
        ]
    )


def sizes(people: Population, codes: np.ndarray, ranks: np.ndarray) -> list[dict[str, Any]]:
    """One row per segment, best first; segments by rule are listed even when they are empty.

    `ranks` are the buyers' percentiles among all buyers, in the order of the population.
    """
    revenue = max(int(people.monetary.sum()), 1)
    bought = codes[people.bought]
    rows = []
    for code, place in PLACE.items():
        inside = codes == place
        members = int(inside.sum())
        if members or code in ALWAYS_SHOWN:
            amount = int(people.monetary[inside].sum())
            rows.append(
                {
                    "code": code,
                    "members": members,
                    "share": _ratio(members, len(people)),
                    "revenue": amount,
                    "revenue_share": _ratio(amount, revenue),
                    "medians": _medians(people.take(inside)),
                    "percentiles": _percentiles(ranks[bought == place]),
                }
            )
    return rows


def _ratio(part: int, whole: int) -> float:
    return round(part / max(whole, 1), 6)


def _medians(people: Population) -> dict[str, float] | None:
    if not people.bought.any():
        return None
    return {
        "recency_days": float(np.median(people.recency)),
        "frequency": float(np.median(people.frequency)),
        "monetary": float(np.median(people.monetary)),
        "tenure_days": float(np.median(people.tenure)),
        "mean_gap_days": round(float(np.median(people.mean_gap)), 1),
    }


def _percentiles(ranks: np.ndarray) -> dict[str, float] | None:
    if not len(ranks):
        return None
    names = ("recency", "frequency", "monetary")
    return dict(zip(names, np.median(ranks, axis=0).round(4).tolist(), strict=True))


def movement(previous: np.ndarray, codes: np.ndarray) -> list[dict[str, Any]]:
    """How many went from which segment to which; `from` is None for members seen first."""
    pairs, counts = np.unique(np.column_stack([previous, codes]), axis=0, return_counts=True)
    return [
        {"from": CODES[old] if old >= 0 else None, "to": CODES[new], "members": count}
        for (old, new), count in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]


def heat(buyers: Population) -> dict[str, Any]:
    """Buyers and their revenue by recency (columns) and frequency (rows, most often first).

    The recency bands are round numbers of days near the store's own quintiles.
    """
    upto = _recency_bands(buyers.recency)
    column = np.searchsorted(upto, buyers.recency, "left")
    row = np.searchsorted(FREQUENCY_FROM, buyers.frequency, "right") - 1
    shape = (len(FREQUENCY_FROM), len(upto) + 1)
    flat = row * shape[1] + column
    members = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
    revenue = np.bincount(flat, weights=buyers.monetary, minlength=shape[0] * shape[1])
    shares = (revenue / max(float(revenue.sum()), 1.0)).round(6).reshape(shape)
    return {
        "recency_upto_days": [*upto, None],
        "frequency_from": list(reversed(FREQUENCY_FROM)),
        "members": members[::-1].tolist(),
        "revenue_shares": shares[::-1].tolist(),
    }


def _recency_bands(recency: np.ndarray) -> list[int]:
    if not len(recency):
        return [30, 60, 90, 180]
    cuts = np.quantile(recency, np.arange(1, RECENCY_BANDS) / RECENCY_BANDS)
    nearest = np.abs(RECENCY_STEPS[:, None] - cuts[None, :]).argmin(axis=0)
    return RECENCY_STEPS[np.unique(nearest)].tolist()
