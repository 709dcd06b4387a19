"""The room in which repeat buyers are compared: log1p of R, F, M, standardised. numpy only."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crm.segments.features import Population

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

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "Scale":
        """From the JSON of a run."""
        return cls(np.array(stored["mean"]), np.array(stored["deviation"]))

    def as_json(self) -> dict[str, Any]:
        """As it is stored with the run."""
        return {
            "transform": "log1p",
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
        }

    @property
    def degenerate(self) -> bool:
        """Whether a feature is the same for all, so that there is nothing to tell apart."""
        return bool((self.deviation < 1e-6).any())

    def apply(self, people: Population) -> np.ndarray:
        """Shape (n, 3)."""
        values = logs(people)
        values -= self.mean
        values /= self.deviation
        return values

    def undo(self, centers: np.ndarray) -> np.ndarray:
        """Points of the scale in days, times and minor units."""
        return np.expm1(centers * self.deviation + self.mean)

    def onto(self, other: "Scale", centers: np.ndarray) -> np.ndarray:
        """Points of this scale on another one."""
        return (centers * self.deviation + self.mean - other.mean) / other.deviation


def logs(people: Population) -> np.ndarray:
    """log1p of recency, frequency, monetary, shape (n, 3)."""
    values = np.empty((len(people), 3))
    for place, feature in enumerate((people.recency, people.frequency, people.monetary)):
        np.log1p(feature, out=values[:, place])
    return values


def nearest(points: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each point's nearest centre and its margin: 0 on the border to the next, 1 at the centre.

    Equally near: the first. The margin is 1 - (own distance / next distance).
    """
    labels = np.zeros(len(points), dtype=np.int8)
    own = np.full(len(points), np.inf)
    following = np.full(len(points), np.inf)
    for place, center in enumerate(centers):
        away = np.square(points - center).sum(axis=1)
        closer = away < own
        following = np.where(closer, own, np.minimum(following, away))
        own = np.where(closer, away, own)
        labels[closer] = place
    share = own / np.maximum(following, 1e-24)
    return labels, np.where(following > 0, 1 - np.sqrt(share), 0.0)
