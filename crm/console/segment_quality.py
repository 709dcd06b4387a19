"""Can a segmentation be trusted? What its run found out about itself, in plain words."""

from typing import Any

from crm.console import formats
from crm.console.words import say
from crm.errors import N_
from crm.segments.models import SegmentationRun

REASONS = {
    "few_repeat_buyers": N_(
        "Too few members have come back so far for groups to form by themselves"
    ),
    "equal_features": N_("Members who came back are too alike for groups to form by themselves"),
    "no_stable_clusters": N_("No grouping came out the same way again when it was repeated"),
}


LEAST_GUESTS = 0.005  # a share of revenue worth telling


def checks(run: SegmentationRun) -> list[dict[str, Any]]:
    """The signs for and against it."""
    found = _of_rules(run) if run.method == "rules" else _of_clusters(run)
    quality = run.quality or {}
    return [*found, *_drift(run, quality), *_guests(quality)]


def _of_rules(run: SegmentationRun) -> list[dict[str, Any]]:
    return [
        _check(
            N_("Grouped by fixed rules"), REASONS[run.reason or "few_repeat_buyers"], good=False
        ),
        _check(
            N_("The same for equals"),
            N_("Members who bought alike are always in the same group"),
        ),
    ]


def _of_clusters(run: SegmentationRun) -> list[dict[str, Any]]:
    quality = run.quality or {}
    tried = ", ".join(str(row["k"]) for row in quality["k_table"] if row["k"] != quality["k"])
    return [
        _check(
            N_("It can be repeated"),
            N_("Drawn again {times} times, the groups agree by {agreement}; {least} is asked"),
            times=run.parameters["bootstraps"],
            agreement=formats.number(quality["ari"], 2),
            least=formats.number(run.parameters["least_stability"], 2),
        ),
        _check(
            N_("The groups are apart"),
            N_("Davies–Bouldin index {index} for {k} groups; also tried: {tried}"),
            index=formats.number(quality["davies_bouldin"], 2),
            k=quality["k"],
            tried=tried or "–",
        ),
        _check(
            N_("Same data, same groups"),
            N_("The calculation has no chance in it; its fingerprint is {digest}"),
            digest=(run.result_hash or "")[:8],
        ),
    ]


def _drift(run: SegmentationRun, quality: dict[str, Any]) -> list[dict[str, Any]]:
    """How far customers are from those of whom the groups were made."""
    psi = quality.get("psi")
    if psi is None:
        return []
    limit = run.parameters.get("drift_limit", 0.2)
    if run.kind == "refit":
        text = N_("The groups were made anew; customers had drifted by {drift} since the last time")
    else:
        text = N_("Drift {drift}; above {limit} the groups are made anew")
    return [
        _check(
            N_("Customers are still alike"),
            text,
            good=psi["most"] <= limit,
            drift=formats.number(psi["most"], 2),
            limit=formats.number(limit, 2),
        )
    ]


def _guests(quality: dict[str, Any]) -> list[dict[str, Any]]:
    share = quality.get("guests", {}).get("revenue_share", 0)
    if share < LEAST_GUESTS:
        return []
    return [
        _check(
            N_("{share} of revenue comes from guests"),
            N_("They are in none of the groups"),
            good=False,
            share=formats.percent(share),
        )
    ]


def _check(title: str, text: str, *, good: bool = True, **facts: object) -> dict[str, Any]:
    return {"good": good, "title": say(title, **facts), "text": say(text, **facts)}


def k_table(quality: dict[str, Any]) -> list[dict[str, Any]]:
    """Every number of groups that was tried."""
    return [
        {
            "k": row["k"],
            "chosen": row["k"] == quality.get("k"),
            "ari": formats.number(row["ari"], 2) if row.get("ari") is not None else "–",
            "davies_bouldin": formats.number(row["davies_bouldin"], 2)
            if row["davies_bouldin"] is not None
            else "–",
            "smallest": formats.percent(row["smallest_share"], 1),
        }
        for row in quality.get("k_table", [])
    ]
