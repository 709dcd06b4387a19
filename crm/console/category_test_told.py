"""The forecast of who buys in which category: how it was tested, in all and in each category."""

from datetime import datetime
from typing import Any
from unicodedata import east_asian_width

from crm.console import back_test_told, charts, formats
from crm.console.back_test_told import decimal, figures_in_use
from crm.console.words import say
from crm.errors import N_
from crm.points import programme
from crm.segments.next_purchase import documents, model_documents
from crm.segments.next_purchase.parameters import ORDERED_BY

ROOM = 200  # units of the chart's width for the longest bar
DRAWN = 10  # categories in the chart; all are in the table
LABEL = 16  # letters of a label that the chart has room for; Chinese ones count twice
BETTER = N_(
    "It put a customer who bought in a category again before one who did not {times} times in 100;"
    " his chance to buy anything times the category's share of his purchases did so in {others} of"
    " 100."
)


def told(now: datetime) -> dict[str, Any] | None:
    """What parts/category_test.html shows; None while no night has learned it."""
    model = documents.current()
    stored = model and model_documents.back_test(model)["categories"]
    if not stored:
        return None
    today = now.astimezone(programme.current(now).zone).date()
    horizons = stored["horizons"]
    shown = next(each for each in horizons if each["days"] == ORDERED_BY)
    rows = shown["categories"]
    return {
        "headline": _headline(shown),
        "rows": [back_test_told.row(each, today) for each in horizons],
        "days": formats.days(shown["days"]),
        "candidates": [back_test_told.candidate(each) for each in shown["back_test"]["candidates"]],
        "categories": [_row(each) for each in rows],
        "bars": _bars([each for each in rows if each["expected"] is not None][:DRAWN]),
    }


def _headline(horizon: dict[str, Any]) -> str:
    """The finding, from figures alone: never more than they say."""
    if horizon["abstains"]:
        return horizon["abstains"]["text"]
    figures = figures_in_use(horizon)
    share = next(
        each["figures"] for each in horizon["back_test"]["candidates"] if each["method"] == "share"
    )
    if figures is None:
        return ""
    times, others = round(100 * figures["auc"]), share and round(100 * share["auc"])
    if others is None or others >= times:
        return back_test_told.auc_said(horizon)
    return say(BETTER, times=times, others=others)


def _row(found: dict[str, Any]) -> dict[str, str]:
    share = found["share"]
    return {
        "category": found["category"],
        "customers": formats.number(found["customers"]),
        "expected": decimal(found["expected"], 0),
        "bought": formats.number(found["bought"]),
        "share": formats.percent(share, 1),
        "auc": decimal(found["auc"], 3),
        "brier": decimal(found["brier"], 4),
        "plain": decimal(share * (1 - share), 4),
        "abstains": found["abstains"]["text"] if found["abstains"] else "",
    }


def _bars(found: list[dict[str, Any]]) -> list[charts.PairedBars]:
    rows = [
        (shortened(each["category"]), each["expected"] / each["customers"], each["share"])
        for each in found
    ]
    texts = [(formats.percent(a, 1), formats.percent(b, 1)) for _, a, b in rows]
    return charts.paired_bars(rows, texts, room=ROOM)


def shortened(name: str) -> str:
    """A name that fits beside a bar."""
    room = LABEL
    for place, letter in enumerate(name):
        room -= 2 if east_asian_width(letter) in "WF" else 1
        if room < 0:
            return name[: max(place - 1, 1)] + "…"
    return name
