"""What a segmentation goes by: the defaults, and what a caller may ask for."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Parameters:
    """All figures of a run. `previous_k` is the number of clusters of the run before, if any."""

    min_k: int = 3
    max_k: int = 6
    smallest_share: float = 0.03
    smallest_cluster: int = 50
    least_stability: float = 0.85  # mean adjusted Rand index over the bootstraps
    bootstraps: int = 20
    sample: int = 5000
    seed: int = 7
    least_repeat_buyers: int = 200
    tie: float = 0.01  # Davies-Bouldin indices this near to the lowest are as good
    previous_k: int | None = None
    refit_after_days: int = 30
    drift_limit: float = 0.2  # population stability index above which clusters are made anew
    farthest: float = 1.0  # standard deviations that a centroid may move and keep its name
    least_margin: float = 0.1  # of a move that counts without a second run

    @classmethod
    def read(cls, asked: dict[str, Any]) -> "Parameters":
        """The defaults with what was asked for; other entries of a stored run are passed over."""
        return cls(**{name: asked[name] for name in cls.__dataclass_fields__ if name in asked})

    def as_json(self) -> dict[str, Any]:
        """As it is stored with the run."""
        return asdict(self)
