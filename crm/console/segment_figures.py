"""A segmentation run as the segments page shows it: words for its table, heat map and quality."""

from typing import Any

from crm.console import charts, formats, segment_heat, segment_moves, segment_quality
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.i18n import gettext
from crm.segments import labels
from crm.segments.labels import Names
from crm.segments.models import SegmentationRun
from crm.segments.vocabulary import BY_CODE

PLAYS = {
    "champions": N_("Show them what is new first; no discounts"),
    "loyal": N_("Ask for reviews and recommendations"),
    "potential_loyalists": N_("Near a tier: tell them what is missing"),
    "promising": N_("Help them to a second favourite"),
    "need_attention": N_("Greet them before their usual time to buy"),
    "about_to_sleep": N_("Remind them of what they liked"),
    "at_risk": N_("Write in person, with a coupon worth having"),
    "cannot_lose": N_("Call them; ask what went wrong"),
    "hibernating": N_("Once a year, and leave them alone between"),
    "new_customers": N_("How to use it, no hurry to sell"),
    "cooling": N_("A small coupon for the second purchase"),
    "lost": N_("Spend nothing on them"),
    "prospects": N_("A welcome, and a reason for the first purchase"),
}


def told(run: SegmentationRun, currency: str, when: str) -> dict[str, Any]:
    """What templates/segments.html shows of a finished run."""
    sizes, called = run.sizes or [], labels.names()
    buyers = (run.quality or {}).get("buyers", 0)
    return {
        "when": when,
        "told": _headline(sizes, buyers),
        "finding": _finding(sizes, buyers, called),
        "rows": [_row(size, sizes, currency, called) for size in sizes],
        "bars": _bars(sizes, buyers, called),
        "heats": segment_heat.told(run.heat or {}, currency),
        "movement": segment_moves.told(run.movement or [], called),
        "checks": segment_quality.checks(run),
        "k_table": segment_quality.k_table(run.quality or {}),
    }


def _bought(size: dict[str, Any]) -> bool:
    return size["members"] > 0 and BY_CODE[size["code"]].about != "never"


def _headline(sizes: list[dict[str, Any]], buyers: int) -> str:
    groups = sum(map(_bought, sizes))
    return ngettext(
        "{count} member who has bought, in {groups} groups by how recently, how often and how much",
        "{count} members who have bought, in {groups} groups by how recently, how often and how"
        " much",
        buyers,
        groups=groups,
    )


def _finding(sizes: list[dict[str, Any]], buyers: int, called: Names) -> str:
    """The two groups that bring most, with their shares: always true, never more than that."""
    best = sorted(filter(_bought, sizes), key=lambda size: -size["revenue_share"])[:2]
    if len(best) < 2 or not buyers:
        return ""
    text = N_("{first} and {second}: {share} of the buyers, {revenue} of the revenue")
    return say(
        text,
        first=called[best[0]["code"]],
        second=called[best[1]["code"]],
        share=formats.percent(sum(size["members"] for size in best) / buyers),
        revenue=formats.percent(sum(size["revenue_share"] for size in best)),
    )


def _row(
    size: dict[str, Any], sizes: list[dict[str, Any]], currency: str, called: Names
) -> dict[str, Any]:
    medians = size["medians"] or {}
    largest = max(item["revenue_share"] for item in sizes) or 1
    return {
        "code": size["code"],
        "name": called[size["code"]],
        "members": formats.number(size["members"]),
        "share": formats.percent(size["share"], 1),
        "revenue_share": formats.percent(size["revenue_share"], 1),
        "bar": 100 * size["revenue_share"] / largest,
        "recency": formats.days(round(medians["recency_days"])) if medians else "–",
        "frequency": formats.number(medians["frequency"]) if medians else "–",
        "monetary": formats.money(round(medians["monetary"]), currency, short=True)
        if medians
        else "–",
        "play": gettext(PLAYS[size["code"]]),
    }


def _bars(sizes: list[dict[str, Any]], buyers: int, called: Names) -> list[charts.PairedBars]:
    shown = [size for size in sizes if _bought(size)]
    rows = [
        (called[size["code"]], size["members"] / (buyers or 1), size["revenue_share"])
        for size in shown
    ]
    texts = [(formats.percent(a, 1), formats.percent(b, 1)) for _, a, b in rows]
    return charts.paired_bars(rows, texts, room=200)
