"""The forecast of next purchases in plain words: how it was tested, and what came of it."""

from datetime import date, datetime
from typing import Any

from crm.console import charts, formats
from crm.console.words import say
from crm.errors import N_
from crm.points import programme
from crm.segments.next_purchase import documents, model_documents
from crm.segments.next_purchase.parameters import ORDERED_BY

ROOM = 200  # units of the chart's width for the longest bar


def told(now: datetime) -> dict[str, Any] | None:
    """What parts/back_test.html shows; None before the first night."""
    model = documents.current()
    if model is None:
        return None
    today = now.astimezone(programme.current(now).zone).date()
    horizons = model_documents.back_test(model)["horizons"]
    shown = next(each for each in horizons if each["days"] == ORDERED_BY)
    return {
        "day": formats.day(model.day, today),
        "headline": _headline(shown),
        "auc_said": auc_said(shown),
        "rows": [row(each, today) for each in horizons],
        "bands": _bands(shown),
        "bars": _bars(shown),
        "days": shown["days"],
        "candidates": [candidate(each) for each in shown["back_test"]["candidates"]],
    }


def figures_in_use(horizon: dict[str, Any]) -> dict[str, Any] | None:
    """The figures of the method that is in use; None where no test was possible."""
    found = (
        each["figures"]
        for each in horizon["back_test"]["candidates"]
        if each["method"] == horizon["method"]
    )
    figures = next(found)
    return figures if figures and figures["auc"] is not None else None


def _headline(horizon: dict[str, Any]) -> str:
    """The finding, from figures alone: never more than they say."""
    figures = figures_in_use(horizon)
    if figures is None or horizon["abstains"]:
        return horizon["abstains"]["text"] if horizon["abstains"] else ""
    return say(
        N_(
            "Of the tenth that it called most likely, {times} times as many bought as of a tenth"
            " chosen by lot."
        ),
        times=formats.number(figures["lift"], 1),
    )


def auc_said(horizon: dict[str, Any]) -> str:
    """What an AUC means, for who has never met one."""
    figures = figures_in_use(horizon)
    if figures is None:
        return ""
    return say(
        N_("Of a buyer and a non-buyer it put the buyer first {times} times in 100."),
        times=round(100 * figures["auc"]),
    )


def row(horizon: dict[str, Any], today: date) -> dict[str, Any]:
    """A horizon with the figures of its method, as a row of a table."""
    test, figures = horizon["back_test"], figures_in_use(horizon) or {}
    share = test["bought"] / max(test["members"], 1)
    return {
        "days": formats.days(horizon["days"]),
        "method": horizon["method_text"],
        "tested": f"{formats.day(test['from'], today)} – {formats.day(test['until'], today)}",
        "auc": decimal(figures.get("auc"), 3),
        "lift": decimal(figures.get("lift"), 1),
        "brier": decimal(figures.get("brier"), 4),
        "plain": decimal(share * (1 - share), 4),
        "expected": decimal(figures.get("expected"), 0),
        "bought": formats.number(test["bought"]),
        "abstains": horizon["abstains"]["text"] if horizon["abstains"] else "",
    }


def decimal(value: float | None, digits: int) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else formats.number(value, digits)


def _bands(horizon: dict[str, Any]) -> list[dict[str, str]]:
    figures = figures_in_use(horizon) or {"calibration": []}
    return [
        {
            "range": _range(band),
            "members": formats.number(band["members"]),
            "expected": formats.percent(band["expected"], 1),
            "bought": formats.percent(band["bought"], 1),
        }
        for band in reversed(figures["calibration"])
    ]


def _range(band: dict[str, Any]) -> str:
    lowest, highest = formats.percent(band["lowest"], 1), formats.percent(band["highest"], 1)
    return lowest if lowest == highest else f"{lowest} – {highest}"


def _bars(horizon: dict[str, Any]) -> list[charts.PairedBars]:
    figures = figures_in_use(horizon) or {"calibration": []}
    bands = list(reversed(figures["calibration"]))
    rows = [(_range(band), band["expected"], band["bought"]) for band in bands]
    texts = [(formats.percent(a, 1), formats.percent(b, 1)) for _, a, b in rows]
    return charts.paired_bars(rows, texts, room=ROOM)


def candidate(tried: dict[str, Any]) -> dict[str, str]:
    """A method that was tried, as a row of a table."""
    figures = tried["figures"] or {}
    return {
        "method": tried["method_text"],
        "auc": decimal(figures.get("auc"), 3),
        "lift": decimal(figures.get("lift"), 1),
        "brier": decimal(figures.get("brier"), 4),
        "refused": tried["refused"]["text"] if tried["refused"] else "",
    }
