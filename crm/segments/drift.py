"""Have the repeat buyers changed since the clusters were made? The population stability index.

PSI = sum over bins of (now - then) * ln(now / then), with bins that held a tenth each then. Below
.1 nothing has changed, above .2 something has (the usual reading since credit scoring, e.g.
Siddiqi, Credit Risk Scorecards, 2006).
"""

from typing import Any

import numpy as np

from crm.segments.features import Population

FEATURES = ("recency", "frequency", "monetary")
BINS = 10
LEAST_SHARE = 1e-4  # an empty bin would make the logarithm endless


def reference(people: Population) -> dict[str, Any] | None:
    """The bins of each feature and how full they are; None without a single member."""
    if not len(people):
        return None
    return {name: _bins(getattr(people, name)) for name in FEATURES}


def _bins(values: np.ndarray) -> dict[str, Any]:
    cuts = np.quantile(values, np.arange(1, BINS) / BINS, method="lower")
    edges = np.unique(cuts).astype(np.int64)
    return {"edges": edges.tolist(), "shares": _shares(values, edges).round(9).tolist()}


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    places = np.searchsorted(edges, values, "left")
    return np.bincount(places, minlength=len(edges) + 1) / max(len(values), 1)


def index(people: Population, then: dict[str, Any] | None) -> dict[str, float] | None:
    """The PSI of each feature and the `most` of them; None where there is nothing to compare."""
    if then is None or not len(people):
        return None
    found = {name: _index(getattr(people, name), then[name]) for name in FEATURES}
    return found | {"most": max(found.values())}


def _index(values: np.ndarray, then: dict[str, Any]) -> float:
    now = np.maximum(_shares(values, np.array(then["edges"])), LEAST_SHARE)
    before = np.maximum(np.array(then["shares"]), LEAST_SHARE)
    return round(float(((now - before) * np.log(now / before)).sum()), 6)
