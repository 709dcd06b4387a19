"""From features to named segments by a model that is there: pure, deterministic, never an error.

The same members with the same features give the same bytes, in whatever order they come. This is
every day's run; `crm.segments.refit` makes the model.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from crm.segments import drift, heat, naming, structure, summaries
from crm.segments.features import Population
from crm.segments.model import EDITION, Model
from crm.segments.parameters import Parameters
from crm.segments.ranks import Spreads
from crm.segments.standard_scale import nearest

PACKAGES = ("numpy", "scipy", "scikit-learn")
FOUND = ("method", "reason", "quality", "sizes", "centroids", "percentiles", "heat")


@dataclass(frozen=True)
class Groups:
    """Repeat buyers with names: places in the vocabulary, and how clear each case is (0 to 1)."""

    codes: np.ndarray
    margins: np.ndarray


@dataclass(frozen=True)
class Segmentation:
    """A finished run. `codes` and `margins` go with `people`; margins are NaN where no distance
    decided. `by_refit`: mask of members whom the former model would have left elsewhere.
    """

    people: Population
    codes: np.ndarray
    margins: np.ndarray
    by_refit: np.ndarray
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


def score(people: Population, model: Model, asked: Parameters) -> Segmentation:
    """Give every member a segment by a stored model. `people` are ordered by id."""
    codes, margins = placed(people, model)
    figures = {"psi": drift.index(people.repeat, model.drift)}
    return told(people, codes, margins, model, asked, figures=figures, among=Spreads.of(people))


def placed(people: Population, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Everybody's place in the vocabulary by a model, and the margins of repeat buyers."""
    groups = grouped(people.repeat, people, model)
    return spread(people, groups, model.rhythm)


def grouped(repeat: Population, people: Population, model: Model) -> Groups:
    """Name repeat buyers by a model: by the nearest centroid, or each by his own percentiles."""
    if model.scale is None or model.centers is None or model.names is None:
        return by_rules(repeat, Spreads.of(people))
    labels, margins = nearest(model.scale.apply(repeat), model.centers)
    return Groups(model.names[labels], margins)


def by_rules(repeat: Population, among: Spreads) -> Groups:
    """Each repeat buyer by the name that suits his own percentiles; equal buyers, equal names."""
    places = among.repeat.positions(repeat), among.buyers.positions(repeat)
    return Groups(*naming.name_each(*places))


def spread(
    people: Population, groups: Groups, pace: structure.Rhythm
) -> tuple[np.ndarray, np.ndarray]:
    """The groups of repeat buyers among all members; the others by rule, without a margin."""
    codes = structure.by_rule(people, pace)
    margins = np.full(len(people), np.nan)
    codes[people.returned] = groups.codes
    margins[people.returned] = groups.margins
    return codes, margins


def told(
    people: Population,
    codes: np.ndarray,
    margins: np.ndarray,
    model: Model,
    asked: Parameters,
    *,
    figures: dict[str, Any],
    among: Spreads,
    former: np.ndarray | None = None,
) -> Segmentation:
    """A run with all that is kept of it. `former`: where the model before would have put people."""
    by_refit = np.zeros(len(people), dtype=bool) if former is None else former != codes
    with ThreadPoolExecutor(1) as beside:  # numpy lets another thread work while it counts
        digest, heats = beside.submit(people.digest), beside.submit(heat.heat, people.buyers)
        document = {
            "method": model.method,
            "reason": model.reason,
            "parameters": asked.as_json() | {"rhythm": model.rhythm.as_json()},
            "quality": model.quality | figures | _counts(people),
            "sizes": summaries.sizes(people, codes, among.buyers),
            "centroids": model.shown,
            "movement": summaries.movement(people.previous, codes, by_refit),
            "percentiles": among.tables(),
            "heat": heats.result(),
            "versions": {"segmentation": EDITION} | {name: version(name) for name in PACKAGES},
            "input_hash": digest.result(),
        }
    return Segmentation(people, codes, margins, by_refit, document)


def _counts(people: Population) -> dict[str, int]:
    return {
        "members": len(people),
        "buyers": int(people.bought.sum()),
        "repeat_buyers": int(people.returned.sum()),
    }
