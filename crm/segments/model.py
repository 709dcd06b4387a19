"""What a refit leaves behind, so that every day's run can go by it: scale, centroids, rhythm."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from crm.segments.standard_scale import Scale
from crm.segments.structure import Rhythm
from crm.segments.vocabulary import CODES, PLACE

EDITION = "2"  # of the calculation: another one makes stored models stale


@dataclass(frozen=True)
class Model:
    """A refit's model. By clusters: `scale`, `centers` and the `names` of these, as places in the
    vocabulary; by rules: None, and the `reason`. `quality` is what the refit found out about it,
    `shown` its centroids as they are stored.
    """

    method: str
    reason: str | None
    rhythm: Rhythm
    drift: dict[str, Any] | None
    quality: dict[str, Any]
    scale: Scale | None = None
    centers: np.ndarray | None = None
    names: np.ndarray | None = None
    shown: dict[str, Any] | None = None
    run_id: UUID | None = None
    as_of: datetime | None = None

    @property
    def k(self) -> int | None:
        """The number of clusters, if there are any."""
        return None if self.centers is None else len(self.centers)

    def as_json(self) -> dict[str, Any]:
        """As it is stored with the run; the centroids stand beside it, where people read them."""
        return {
            "edition": EDITION,
            "rhythm": self.rhythm.as_json(),
            "drift": self.drift,
            "quality": self.quality,
        }

    @classmethod
    def read(
        cls,
        stored: dict[str, Any],
        centroids: dict[str, Any] | None,
        method: str,
        reason: str | None,
        *,
        run_id: UUID | None = None,
        as_of: datetime | None = None,
    ) -> "Model":
        """From what a run keeps."""
        kept = cls(
            method=method,
            reason=reason,
            rhythm=Rhythm(**stored["rhythm"]),
            drift=stored["drift"],
            quality=stored["quality"],
            run_id=run_id,
            as_of=as_of,
        )
        if centroids is None:
            return kept
        clusters = centroids["clusters"]
        found = {
            "shown": centroids,
            "scale": Scale.read(centroids["scale"]),
            "centers": np.array([cluster["center"] for cluster in clusters]),
            "names": np.array([PLACE[cluster["code"]] for cluster in clusters], dtype=np.int8),
        }
        return cls(**(vars(kept) | found))


def centroids(
    scale: Scale, centers: np.ndarray, names: np.ndarray, shifts: list[float | None]
) -> dict[str, Any]:
    """Centroids as people read them, in days, times and minor units beside the scale's own.

    `shift`: how far a cluster that kept its name has moved since the refit before, in standard
    deviations; null for a new one.
    """
    originals = scale.undo(centers).round(2).tolist()
    return {
        "scale": scale.as_json(),
        "clusters": [
            {
                "code": CODES[place],
                "center": center,
                "recency_days": days,
                "frequency": times,
                "monetary": amount,
                "shift": shift,
            }
            for place, center, (days, times, amount), shift in zip(
                names.tolist(), centers.tolist(), originals, shifts, strict=True
            )
        ],
    }
