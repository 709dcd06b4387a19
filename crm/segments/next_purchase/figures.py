"""How well scores told who would buy: AUC, Brier score, lift and calibration, safe with ties.

AUC: the chance that a buyer was scored above one who did not buy, ties counting half. Brier: the
mean squared error of the chances. Lift: buyers in the tenth with the highest scores, as a multiple
of a tenth chosen by lot; members of one score stand for each other in equal parts.
"""

from typing import Any

import numpy as np

from crm.segments import ranks

BANDS = 10
DIGITS = 9


def auc(scores: np.ndarray, bought: np.ndarray) -> float | None:
    """0 to 1, .5 for chance; None where all bought or nobody did."""
    yes, no = int(bought.sum()), int((~bought).sum())
    if not yes or not no:
        return None
    places = ranks.midranks(scores) * len(scores) + 0.5  # mean ranks from 1
    return float((places[bought].sum() - yes * (yes + 1) / 2) / (yes * no))


def lift(scores: np.ndarray, bought: np.ndarray, share: float = 0.1) -> float | None:
    """None where nobody bought."""
    if not bought.any():
        return None
    room = share * len(scores)
    values, inverse, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    buyers = np.bincount(inverse, weights=bought, minlength=len(values))
    before = np.cumsum(counts) - counts
    taken = np.clip(room - before, 0, counts)
    return float((buyers * taken / counts).sum() / (bought.sum() * share))


def calibration(chances: np.ndarray, bought: np.ndarray) -> list[dict[str, Any]]:
    """Members in at most ten bands of equal size by chance, lowest first: promised and come.

    Members of one chance are never parted.
    """
    bands = np.minimum((ranks.midranks(chances) * BANDS).astype(int), BANDS - 1)
    rows = []
    for band in np.unique(bands):
        here = bands == band
        rows.append(
            {
                "members": int(here.sum()),
                "lowest": round(float(chances[here].min()), DIGITS),
                "highest": round(float(chances[here].max()), DIGITS),
                "expected": round(float(chances[here].mean()), DIGITS),
                "bought": round(float(bought[here].mean()), DIGITS),
            }
        )
    return rows


def measure(scores: np.ndarray, chances: np.ndarray | None, bought: np.ndarray) -> dict[str, Any]:
    """All figures of one method over one window, as they are stored."""
    found: dict[str, Any] = {
        "auc": _rounded(auc(scores, bought)),
        "lift": _rounded(lift(scores, bought)),
        "brier": None,
        "expected": None,
        "calibration": [],
    }
    if chances is not None and len(chances):
        found["brier"] = _rounded(float(np.square(chances - bought).mean()))
        found["expected"] = _rounded(float(chances.sum()))
        found["calibration"] = calibration(chances, bought)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
