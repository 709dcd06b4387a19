"""Two heat maps: buyers by recency and frequency, and by recency and what they spent."""

from typing import Any

import numpy as np

from crm.segments.features import Population

RECENCY_STEPS = np.array(  # days
    [7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365, 450, 540, 730]
)
FREQUENCY_FROM = (1, 2, 3, 5, 8)
ROUND = np.array([1, 1.5, 2, 3, 4, 5, 6, 8])  # times a power of ten: amounts that read well
BANDS = 5


def heat(buyers: Population) -> dict[str, Any]:
    """Buyers and their share of revenue by recency (columns) and frequency (rows, most first).

    `monetary` is the same by what they spent. Bands of days and amounts are round numbers near the
    store's own quintiles.
    """
    upto = _recency_bands(buyers.recency)
    amounts = _amounts(buyers.monetary)
    column = np.searchsorted(upto, buyers.recency, "left")
    by_times = np.searchsorted(FREQUENCY_FROM, buyers.frequency, "right") - 1
    by_amount = np.searchsorted(amounts, buyers.monetary, "right") - 1
    columns = len(upto) + 1
    return {
        "recency_upto_days": [*upto, None],
        "frequency_from": list(reversed(FREQUENCY_FROM)),
        **_cells(by_times, column, (len(FREQUENCY_FROM), columns), buyers.monetary),
        "monetary": {
            "from": amounts[::-1],
            **_cells(by_amount, column, (len(amounts), columns), buyers.monetary),
        },
    }


def _cells(
    row: np.ndarray, column: np.ndarray, shape: tuple[int, int], monetary: np.ndarray
) -> dict[str, Any]:
    flat, cells = row * shape[1] + column, shape[0] * shape[1]
    members = np.bincount(flat, minlength=cells).reshape(shape)
    revenue = np.bincount(flat, weights=monetary, minlength=cells)
    shares = (revenue / max(float(revenue.sum()), 1.0)).round(6).reshape(shape)
    return {"members": members[::-1].tolist(), "revenue_shares": shares[::-1].tolist()}


def _recency_bands(recency: np.ndarray) -> list[int]:
    if not len(recency):
        return [30, 60, 90, 180]
    nearest = np.abs(RECENCY_STEPS[:, None] - _quintiles(recency)[None, :]).argmin(axis=0)
    return RECENCY_STEPS[np.unique(nearest)].tolist()


def _amounts(monetary: np.ndarray) -> list[int]:
    """The lowest amount of each band, ascending, from 0 on; minor units."""
    if not len(monetary):
        return [0]
    found = {0}
    for amount in np.maximum(_quintiles(monetary), 1.0).tolist():
        power = 10.0 ** np.floor(np.log10(amount))
        steps = np.append(ROUND, 10) * power
        found.add(round(float(steps[np.abs(steps - amount).argmin()])))
    return sorted(found)


def _quintiles(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, np.arange(1, BANDS) / BANDS)
