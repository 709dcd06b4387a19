"""Can a segmentation be trusted? What its run found out about itself, in plain words."""

from typing import Any

from crm.console import formats
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext
from crm.segments.models import SegmentationRun

REASONS = {
    "few_repeat_buyers": N_(
        "Too few members have come back so far for groups to form by themselves"
    ),
    "equal_features": N_("Members who came back are too alike for groups to form by themselves"),
    "no_stable_clusters": N_("No grouping came out the same way again when it was repeated"),
}


def checks(run: SegmentationRun) -> list[dict[str, Any]]:
    """The signs for and against it."""
    quality = run.quality or {}
    if run.method == "rules":
        return [
            {
                "good": False,
                "title": gettext(N_("Grouped by fixed rules")),
                "text": gettext(REASONS[run.reason or "few_repeat_buyers"]),
            },
            _check(
                N_("The same for equals"),
                N_("Members who bought alike are always in the same group"),
            ),
        ]
    tried = ", ".join(str(row["k"]) for row in quality["k_table"] if row["k"] != quality["k"])
    return [
        _check(
            N_("It can be repeated"),
            N_("Drawn again, the groups agree by {agreement}; {least} is asked"),
            agreement=formats.number(quality["ari"], 2),
            least=formats.number(run.parameters["least_stability"], 2),
        ),
        _check(
            N_("The groups are apart"),
            N_("Davies–Bouldin index {index} for {k} groups; also tried: {tried}"),
            index=formats.number(quality["davies_bouldin"], 2),
            k=quality["k"],
            tried=tried,
        ),
        _check(
            N_("Same data, same groups"),
            N_("The calculation has no chance in it; its fingerprint is {digest}"),
            digest=(run.result_hash or "")[:8],
        ),
    ]


def _check(title: str, text: str, **facts: object) -> dict[str, Any]:
    return {"good": True, "title": gettext(title), "text": say(text, **facts)}


def k_table(quality: dict[str, Any]) -> list[dict[str, Any]]:
    """Every number of groups that was tried."""
    return [
        {
            "k": row["k"],
            "chosen": row["k"] == quality.get("k"),
            "ari": formats.number(row["ari"], 2) if row.get("ari") is not None else "–",
            "davies_bouldin": formats.number(row["davies_bouldin"], 2),
            "smallest": formats.percent(row["smallest_share"], 1),
        }
        for row in quality.get("k_table", [])
    ]
