"""K-means on repeat buyers: how many clusters, and whether they can be trusted at all.

A number of clusters is rejected when one of them is too small or when resampling the members moves
them about; of the others the one whose clusters lie apart best is taken. Never by silhouette alone,
which on purchase histories always prefers a split into "few" and "many".
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score, silhouette_score
from threadpoolctl import threadpool_limits

from crm.segments.features import Population
from crm.segments.parameters import Parameters

STARTS, BOOTSTRAP_STARTS = 10, 3
DIGITS = 9


@dataclass(frozen=True)
class Scale:
    """log1p of recency, frequency and monetary, then minus `mean` over `deviation`."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, people: Population) -> "Scale":
        """The scale on which these members have mean 0 and deviation 1."""
        values = logs(people)
        return cls(values.mean(axis=0).round(DIGITS), values.std(axis=0).round(DIGITS))

    @property
    def degenerate(self) -> bool:
        """Whether a feature is the same for all, so that there is nothing to tell apart."""
        return bool((self.deviation < 1e-6).any())

    def apply(self, people: Population) -> np.ndarray:
        """Shape (n, 3)."""
        return (logs(people) - self.mean) / self.deviation

    def undo(self, centers: np.ndarray) -> np.ndarray:
        """Points of the scale in days, times and minor units."""
        return np.expm1(centers * self.deviation + self.mean)


def logs(people: Population) -> np.ndarray:
    """log1p of recency, frequency, monetary, shape (n, 3)."""
    return np.log1p(
        np.column_stack([people.recency, people.frequency, people.monetary]).astype(np.float64)
    )


@dataclass(frozen=True)
class Fit:
    """K-means of one k over all points, and what can be said for it. `refused`: why not, or None.

    `stability` is the mean adjusted Rand index between the clusters and those of bootstraps.
    """

    k: int
    centers: np.ndarray
    labels: np.ndarray
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


def search(points: np.ndarray, asked: Parameters) -> list[Fit]:
    """One fit for each k that there are enough different points for. One thread, fixed seed."""
    different = len(np.unique(points, axis=0))
    pick = sample(len(points), asked)
    with threadpool_limits(1), warnings.catch_warnings():
        # A bootstrap may have fewer different points than clusters: its agreement says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        numbers = range(asked.min_k, min(asked.max_k, different) + 1)
        return [_fit(points, pick, k, asked) for k in numbers]


def sample(total: int, asked: Parameters) -> np.ndarray:
    """Places of at most `asked.sample` points, ascending, the same for the same total."""
    if total <= asked.sample:
        return np.arange(total)
    chooser = np.random.default_rng(asked.seed)
    return np.sort(chooser.choice(total, asked.sample, replace=False))


def _fit(points: np.ndarray, pick: np.ndarray, k: int, asked: Parameters) -> Fit:
    first = _model(k, asked.seed, starts=STARTS).fit(points[pick])
    full = _model(k, asked.seed, starts=1, init=first.cluster_centers_).fit(points)
    labels = np.asarray(full.predict(points), dtype=np.int8)
    smallest = int(np.bincount(labels, minlength=k).min())
    agreement = _bootstraps(points[pick], labels[pick], k, asked)
    apart = round(float(davies_bouldin_score(points, labels)), DIGITS) if smallest else None
    return Fit(
        k,
        full.cluster_centers_.round(DIGITS),
        labels,
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


def _bootstraps(points: np.ndarray, labels: np.ndarray, k: int, asked: Parameters) -> list[float]:
    chooser = np.random.default_rng([asked.seed, k])
    found = []
    for turn in range(asked.bootstraps):
        again = chooser.integers(0, len(points), len(points))
        model = _model(k, asked.seed + turn, starts=BOOTSTRAP_STARTS)
        found.append(adjusted_rand_score(labels, model.fit(points[again]).predict(points)))
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
    """The mean silhouette of a sample, in -1 to 1; 0 where a sample shows one cluster only."""
    pick = sample(len(points), asked)
    if not 1 < len(np.unique(labels[pick])) < len(pick):
        return 0.0
    with threadpool_limits(1), config_context(working_memory=64):  # MiB
        return round(float(silhouette_score(points[pick], labels[pick])), DIGITS)


def margins(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """How much nearer the own centre is than the next: 0 on the border, 1 at the centre."""
    distances = np.sqrt(
        np.stack([np.square(points - center).sum(axis=1) for center in centers], axis=1)
    )
    own, following = np.partition(distances, 1, axis=1)[:, :2].T
    return np.where(following > 0, 1 - own / np.maximum(following, 1e-12), 0.0)
