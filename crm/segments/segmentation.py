"""From features to named segments: pure, deterministic, and never an error.

The same members with the same features give the same bytes, in whatever order they come.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import scipy
import sklearn

from crm.segments import clusters, naming, ranks, structure, summaries
from crm.segments.features import Population
from crm.segments.parameters import Parameters
from crm.segments.vocabulary import CODES

VERSIONS = {
    "segmentation": "1",
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "scikit-learn": sklearn.__version__,
}
FOUND = ("method", "reason", "quality", "sizes", "centroids", "percentiles", "heat")


@dataclass(frozen=True)
class Groups:
    """Repeat buyers with names: places in the vocabulary, margins (None: by rule), and how."""

    codes: np.ndarray
    margins: np.ndarray | None
    method: str  # "kmeans" or "rules"
    reason: str | None  # why rules
    quality: dict[str, Any]
    centroids: dict[str, Any] | None


@dataclass(frozen=True)
class Segmentation:
    """A finished run. `codes` and `margins` go with `people`; margins are NaN for rules."""

    people: Population
    codes: np.ndarray
    margins: np.ndarray
    document: dict[str, Any]

    @property
    def result_hash(self) -> str:
        """SHA-256 of all that was found out about these members, hexadecimal.

        Who moved is left out: that depends on where members were before.
        """
        found = {name: self.document[name] for name in FOUND}
        text = json.dumps(found, sort_keys=True, allow_nan=False)
        parts = (text.encode(), self.codes.tobytes(), self.margins.round(9).tobytes())
        return sha256(b"".join(parts)).hexdigest()


def segment(people: Population, asked: Parameters) -> Segmentation:
    """Give every member a segment. `people` are ordered by id (`Population.ordered`)."""
    pace = structure.rhythm(people)
    codes = structure.by_rule(people, pace)
    margins = np.full(len(people), np.nan)
    buyers = people.take(people.bought)
    groups = group(people.take(people.returned), buyers, asked)
    codes[people.returned] = groups.codes
    if groups.margins is not None:
        margins[people.returned] = groups.margins
    document = {
        "method": groups.method,
        "reason": groups.reason,
        "parameters": asked.as_json() | {"rhythm": pace.as_json()},
        "quality": groups.quality | _counts(people),
        "sizes": summaries.sizes(people, codes, summaries.positions(buyers, buyers)),
        "centroids": groups.centroids,
        "movement": summaries.movement(people.previous, codes),
        "percentiles": {
            "recency": ranks.table(buyers.recency),
            "frequency": ranks.table(buyers.frequency),
            "monetary": ranks.table(buyers.monetary),
        },
        "heat": summaries.heat(buyers),
        "versions": VERSIONS,
        "input_hash": people.digest(),
    }
    return Segmentation(people, codes, margins, document)


def _counts(people: Population) -> dict[str, int]:
    return {
        "members": len(people),
        "buyers": int(people.bought.sum()),
        "repeat_buyers": int(people.returned.sum()),
    }


def group(people: Population, buyers: Population, asked: Parameters) -> Groups:
    """Name repeat buyers, by clusters where these can be trusted, else by rules that say why."""
    if len(people) < asked.least_repeat_buyers:
        return _by_rules(people, buyers, "few_repeat_buyers", [])
    scale = clusters.Scale.of(people)
    if scale.degenerate:
        return _by_rules(people, buyers, "equal_features", [])
    points = scale.apply(people)
    fits = clusters.search(points, asked)
    chosen = clusters.best(fits, asked)
    table = [fit.row() for fit in fits]
    if chosen is None:
        return _by_rules(people, buyers, "no_stable_clusters", table)
    names = naming.name_apart(
        _medians(summaries.positions(people, people), chosen),
        _medians(summaries.positions(people, buyers), chosen),
    )
    return Groups(
        names[chosen.labels],
        clusters.margins(points, chosen.centers),
        "kmeans",
        None,
        {
            "k": chosen.k,
            "ari": chosen.stability,
            "davies_bouldin": chosen.davies_bouldin,
            "silhouette": clusters.silhouette(points, chosen.labels, asked),
            "k_table": table,
        },
        _centroids(scale, chosen, names),
    )


def _medians(positions: np.ndarray, fit: clusters.Fit) -> np.ndarray:
    return np.array([np.median(positions[fit.labels == each], axis=0) for each in range(fit.k)])


def _centroids(scale: clusters.Scale, fit: clusters.Fit, names: np.ndarray) -> dict[str, Any]:
    originals = scale.undo(fit.centers).round(2).tolist()
    return {
        "scale": {
            "transform": "log1p",
            "mean": scale.mean.tolist(),
            "deviation": scale.deviation.tolist(),
        },
        "clusters": [
            {
                "code": CODES[place],
                "center": center,
                "recency_days": days,
                "frequency": times,
                "monetary": amount,
            }
            for place, center, (days, times, amount) in zip(
                names.tolist(), fit.centers.tolist(), originals, strict=True
            )
        ],
    }


def _by_rules(
    people: Population, buyers: Population, reason: str, table: list[dict[str, Any]]
) -> Groups:
    """Each repeat buyer by the name that suits his own percentiles; equal buyers, equal names."""
    codes = naming.name_each(
        summaries.positions(people, people), summaries.positions(people, buyers)
    )
    return Groups(codes, None, "rules", reason, {"k_table": table}, None)
