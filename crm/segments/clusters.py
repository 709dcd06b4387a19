"""K-means on repeat buyers: how many clusters, and whether they can be trusted at all.

A number of clusters is rejected when one of them is too small or when resampling the members moves
them about; of the others the one whose clusters lie apart best is taken. Never by silhouette alone,
which on purchase histories always prefers a split into "few" and "many".
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score, silhouette_score
from threadpoolctl import threadpool_limits

from crm.segments.parameters import Parameters
from crm.segments.standard_scale import DIGITS, nearest

STARTS, BOOTSTRAP_STARTS = 10, 3
Tell = Callable[[float], None]  # how far, 0 to 1; may end the work by raising


def silent(_: float) -> None:
    """Nobody waits for news."""


@dataclass(frozen=True)
class Fit:
    """K-means of one k over all points, and what can be said for it. `refused`: why not, or None.

    `stability` is the mean adjusted Rand index between the clusters and those of bootstraps.
    """

    k: int
    centers: np.ndarray
    labels: np.ndarray
    margins: np.ndarray
    smallest: int
    stability: float
    least_stability: float
    davies_bouldin: float | None  # None where a cluster is empty
    refused: str | None

    def row(self) -> dict[str, Any]:
        """Its line in the table of all k."""
        return {
            "k": self.k,
            "accepted": self.refused is None,
            "refused": self.refused,
            "smallest": self.smallest,
            "smallest_share": round(self.smallest / len(self.labels), DIGITS),
            "ari": self.stability,
            "ari_lowest": self.least_stability,
            "davies_bouldin": self.davies_bouldin,
        }


def search(
    points: np.ndarray,
    asked: Parameters,
    before: np.ndarray | None = None,
    tell: Tell = silent,
) -> list[Fit]:
    """One fit for each k that there are enough different points for. One thread, fixed seed.

    `before`: centres of the clusters so far; their number of clusters starts from them, the others
    from the best of several starts on a sample.
    """
    different = _different(points, asked.max_k)
    pick = sample(len(points), asked)
    numbers = range(asked.min_k, min(asked.max_k, different) + 1)
    steps = len(numbers) * (1 + asked.bootstraps)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        tell(done / steps)

    with threadpool_limits(1), warnings.catch_warnings():
        # A bootstrap may have fewer different points than clusters: its agreement says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [
            _fit(points, pick, k, asked, before if _counts(before) == k else None, step)
            for k in numbers
        ]


def _counts(centers: np.ndarray | None) -> int:
    return 0 if centers is None else len(centers)


def _different(points: np.ndarray, enough: int) -> int:
    """How many different points there are; not counted further than `enough` in the first few."""
    few = len(np.unique(points[: 100 * enough], axis=0))
    return few if few >= enough else len(np.unique(points, axis=0))


def sample(total: int, asked: Parameters) -> np.ndarray:
    """Places of at most `asked.sample` points, ascending, the same for the same total."""
    if total <= asked.sample:
        return np.arange(total)
    chooser = np.random.default_rng(asked.seed)
    return np.sort(chooser.choice(total, asked.sample, replace=False))


def _fit(
    points: np.ndarray,
    pick: np.ndarray,
    k: int,
    asked: Parameters,
    before: np.ndarray | None,
    step: Callable[[], None],
) -> Fit:
    if before is None:
        before = _model(k, asked.seed, starts=STARTS).fit(points[pick]).cluster_centers_
    full = _model(k, asked.seed, starts=1, init=before).fit(points)
    centers = full.cluster_centers_.round(DIGITS)
    labels, margins = nearest(points, centers)
    step()
    smallest = int(np.bincount(labels, minlength=k).min())
    agreement = _bootstraps(points[pick], labels[pick], k, asked, step)
    apart = round(float(davies_bouldin_score(points, labels)), DIGITS) if smallest else None
    return Fit(
        k,
        centers,
        labels,
        margins,
        smallest,
        round(float(np.mean(agreement)), DIGITS),
        round(float(np.min(agreement)), DIGITS),
        apart,
        _refusal(smallest, len(points), float(np.mean(agreement)), asked),
    )


def _model(k: int, seed: int, *, starts: Any, init: Any = "k-means++") -> KMeans:
    # Any: scikit-learn documents numbers and arrays here, but its defaults look like text.
    return KMeans(k, init=init, n_init=starts, random_state=seed)


def _refusal(smallest: int, total: int, agreement: float, asked: Parameters) -> str | None:
    if not smallest or smallest < asked.smallest_cluster or smallest < asked.smallest_share * total:
        return "cluster_too_small"
    return None if agreement >= asked.least_stability else "not_stable"


def _bootstraps(
    points: np.ndarray, labels: np.ndarray, k: int, asked: Parameters, step: Callable[[], None]
) -> list[float]:
    chooser = np.random.default_rng([asked.seed, k])
    found = []
    for turn in range(asked.bootstraps):
        again = chooser.integers(0, len(points), len(points))
        model = _model(k, asked.seed + turn, starts=BOOTSTRAP_STARTS)
        found.append(adjusted_rand_score(labels, model.fit(points[again]).predict(points)))
        step()
    return found


def best(fits: Sequence[Fit], asked: Parameters) -> Fit | None:
    """The accepted fit whose clusters lie apart best (lowest Davies-Bouldin index), if any.

    Among those as good, the number of clusters of the run before, else the most stable.
    """
    accepted = [
        (fit.davies_bouldin, fit)
        for fit in fits
        if fit.refused is None and fit.davies_bouldin is not None
    ]
    if not accepted:
        return None
    lowest = min(index for index, _ in accepted)
    tied = [fit for index, fit in accepted if index <= lowest + asked.tie]
    return max(tied, key=lambda fit: (fit.k == asked.previous_k, fit.stability, -fit.k))


def silhouette(points: np.ndarray, labels: np.ndarray, asked: Parameters) -> float:
    """The mean silhouette of a sample of at most `asked.sample` points: told, never decided by."""
    pick = sample(len(points), asked)
    if not 1 < len(np.unique(labels[pick])) < len(pick):
        return 0.0
    with threadpool_limits(1), config_context(working_memory=64):  # MiB
        return round(float(silhouette_score(points[pick], labels[pick])), DIGITS)
