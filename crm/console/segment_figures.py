"""A segmentation run as the segments page shows it: words for its table, heat map and quality."""

from typing import Any

from crm.console import charts, formats, segment_quality
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.i18n import gettext
from crm.segments.models import SegmentationRun
from crm.segments.vocabulary import BY_CODE, CODES

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
    sizes = run.sizes or []
    buyers = (run.quality or {}).get("buyers", 0)
    rows = [_row(size, sizes, currency) for size in sizes]
    return {
        "when": when,
        "told": _headline(sizes, buyers),
        "finding": _finding(sizes, buyers),
        "rows": rows,
        "bars": _bars(sizes, buyers),
        "heat": _heat(run.heat or {}),
        "movement": _movement(run.movement or []),
        "checks": segment_quality.checks(run),
        "k_table": segment_quality.k_table(run.quality or {}),
    }


def _name(code: str) -> str:
    return BY_CODE[code].name


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


def _finding(sizes: list[dict[str, Any]], buyers: int) -> str:
    """The two groups that bring most, with their shares: always true, never more than that."""
    best = sorted(filter(_bought, sizes), key=lambda size: -size["revenue_share"])[:2]
    if len(best) < 2 or not buyers:
        return ""
    text = N_("{first} and {second}: {share} of the buyers, {revenue} of the revenue")
    return say(
        text,
        first=_name(best[0]["code"]),
        second=_name(best[1]["code"]),
        share=formats.percent(sum(size["members"] for size in best) / buyers),
        revenue=formats.percent(sum(size["revenue_share"] for size in best)),
    )


def _row(size: dict[str, Any], sizes: list[dict[str, Any]], currency: str) -> dict[str, Any]:
    medians = size["medians"] or {}
    largest = max(item["revenue_share"] for item in sizes) or 1
    return {
        "code": size["code"],
        "name": _name(size["code"]),
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


def _bars(sizes: list[dict[str, Any]], buyers: int) -> list[charts.PairedBars]:
    shown = [size for size in sizes if _bought(size)]
    rows = [
        (_name(size["code"]), size["members"] / (buyers or 1), size["revenue_share"])
        for size in shown
    ]
    texts = [(formats.percent(a, 1), formats.percent(b, 1)) for _, a, b in rows]
    return charts.paired_bars(rows, texts, room=200)


def _heat(heat: dict[str, Any]) -> dict[str, Any]:
    shares, members = heat.get("revenue_shares", []), heat.get("members", [])
    largest = max((share for row in shares for share in row), default=0)
    frequency = heat.get("frequency_from", [])
    return {
        "columns": _recency_heads(heat.get("recency_upto_days", [])),
        "rows": [
            {
                "head": _frequency_head(frequency, at),
                "cells": [
                    {
                        "text": formats.number(100 * share, 1),
                        "step": charts.heat(share, largest),
                        "members": ngettext("{count} member", "{count} members", people),
                    }
                    for share, people in zip(shares[at], members[at], strict=True)
                ],
            }
            for at in range(len(shares))
        ],
    }


def _recency_heads(upto: list[int | None]) -> list[str]:
    heads = [f"≤ {days}" for days in upto if days is not None]
    return [*heads, gettext(N_("longer"))] if upto else []


def _frequency_head(starts: list[int], at: int) -> str:
    """Rows go from the most often down: 8+, 5–7, 3–4, 2, 1."""
    if at == 0:
        return f"{starts[at]}+"
    last = starts[at - 1] - 1
    return str(last) if last == starts[at] else f"{starts[at]}–{last}"


def _movement(moves: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The matrix of those who had a segment before; None when nobody moved."""
    known = {(move["from"], move["to"]): move["members"] for move in moves if move["from"]}
    moved = sum(members for (old, new), members in known.items() if old != new)
    if not moved:
        return None
    codes = [code for code in CODES if any(code in pair for pair in known)]
    largest = max(known.values())
    return {
        "names": [_name(code) for code in codes],
        "told": ngettext("{count} member moved.", "{count} members moved.", moved),
        "rows": [
            {
                "name": _name(old),
                "cells": [_moved(known.get((old, new), 0), largest, old == new) for new in codes],
            }
            for old in codes
        ],
    }


def _moved(members: int, largest: int, stay: bool) -> dict[str, Any]:
    text = formats.number(members) if members else ""
    return {"text": text, "step": charts.heat(members, largest), "stay": stay}
