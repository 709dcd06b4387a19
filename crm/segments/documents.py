"""Runs as the contract shows them: stored figures with words and currency."""

from typing import Any

from crm.i18n import N_, gettext
from crm.segments import labels
from crm.segments.models import SegmentationRun
from crm.segments.runs import HEAVY

REASONS = {
    "few_repeat_buyers": N_("Too few members have come back so far to form clusters."),
    "equal_features": N_("Members who came back are too much alike to form clusters."),
    "no_stable_clusters": N_(
        "No number of clusters passed the checks: they were too small, or came out differently "
        "when members were drawn again."
    ),
}
COLUMNS = [column.name for column in SegmentationRun.__table__.columns]


def brief(run: SegmentationRun) -> dict[str, Any]:
    """How a run stands, without its tables."""
    found = {name: getattr(run, name) for name in COLUMNS if name not in HEAVY}
    return found | {"reason_text": gettext(REASONS[run.reason]) if run.reason else None}


def whole(run: SegmentationRun, currency: str) -> dict[str, Any]:
    """A run with all that it found so far."""
    return brief(run) | {
        "sizes": None if run.sizes is None else sizes(run, currency),
        "centroids": run.centroids,
        "movement": run.movement,
        "heat": run.heat,
    }


def sizes(run: SegmentationRun, currency: str) -> list[dict[str, Any]]:
    """A run's segments with names in the current language, best first."""
    called = labels.names()
    return [
        row
        | (labels.named(row["code"], called) or {})
        | {"revenue": _money(row["revenue"], currency)}
        for row in run.sizes or []
    ]


def _money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}
