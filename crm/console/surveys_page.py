"""How satisfied members are: by month and store, and what they wrote."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from flask import render_template, request

from crm import clock
from crm.campaigns.surveys import figures, reading
from crm.console import charts, formats, mistakes, person
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.members import stores
from crm.points import programme

SHOWN = 30
LOW = 2
WORDS = {
    5: N_("Very happy"),
    4: N_("Happy"),
    3: N_("So-so"),
    2: N_("Unhappy"),
    1: N_("Very unhappy"),
}


class SurveysShown(Schema):
    """Of which store; only what was written, or only bad answers; a page of them."""

    store = fields.code(40, load_default=None)
    pick = fields.Choice("words", "low", load_default=None)
    cursor = fields.Text(500, load_default=None)


@blp.get("/surveys")
@needs("surveys:read")
def surveys_page() -> str:
    """Figures of the last twelve months, and the newest answers."""
    now = clock.now()
    given = {name: value for name, value in request.args.items() if value}
    asked = mistakes.load(SurveysShown(), given)
    zone = programme.current(now).zone
    today = now.astimezone(zone).date()
    found = figures.summary(*figures.months(None, None, today), zone, store=asked["store"])
    answers = reading.answers(
        {
            "store": asked["store"],
            "with_text": asked["pick"] == "words",
            "rating_at_most": LOW if asked["pick"] == "low" else None,
            "cursor": asked["cursor"],
            "limit": SHOWN,
        }
    )
    names = stores.names()
    return render_template(
        "surveys.html",
        total=_told(found["total"]),
        ratings=_ratings(found["total"]),
        chart=_chart(found["months"], today),
        rows=[_row(row, names, today) for row in found["data"]],
        answers=[_answer(one, names, now) for one in answers["data"]],
        people=person.called(one["member_id"] for one in answers["data"]),
        cursor=answers["next_cursor"],
        stores=names,
        store=asked["store"] or "",
        pick=asked["pick"] or "",
    )


def _told(row: Mapping[str, Any]) -> dict[str, str]:
    """Figures as people read them."""
    average, rate = row["average"], row["response_rate"]
    return {
        "average": "–" if average is None else formats.number(average, 2),
        "rate": "–" if rate is None else formats.percent(rate, 1),
        "asked": formats.number(row["asked"]),
        "answered": formats.number(row["answered"]),
        "cases": formats.number(row["cases"]),
    }


def _ratings(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How many gave each answer, the best first, with their share for a bar."""
    answered = row["answered"] or 1
    return [
        {
            "rating": number,
            "name": gettext(WORDS[number]),
            "count": formats.number(row["ratings"][number - 1]),
            "share": 100 * row["ratings"][number - 1] / answered,
        }
        for number in sorted(WORDS, reverse=True)
    ]


def _row(row: Mapping[str, Any], names: Mapping[str, str], today: date) -> dict[str, str]:
    store = row["store"]
    named = names.get(store, store) if store else gettext(N_("no store"))
    return _told(row) | {"month": formats.month(row["month"], today), "store": named}


def _chart(months: Sequence[Mapping[str, Any]], today: date) -> dict[str, Any] | None:
    """The average rating by month, and the finding in numbers."""
    known = [row for row in months if row["average"] is not None]
    if len(known) < 2:
        return None
    first, last = known[0], known[-1]
    finding = say(
        N_("{first} in {then}, {last} in {now}, of 5."),
        first=formats.number(first["average"], 2),
        then=formats.month(first["month"], today),
        last=formats.number(last["average"], 2),
        now=formats.month(last["month"], today),
    )
    points = [(row["month"].year * 12 + row["month"].month, row["average"]) for row in known]
    labels = [formats.month(row["month"], row["month"]) for row in known]  # twelve: no year needed
    texts = [formats.number(row["average"], 1) for row in known]
    return {"drawing": charts.course(points, labels, texts, low=1, high=5), "finding": finding}


def _answer(one: Mapping[str, Any], names: Mapping[str, str], now: datetime) -> dict[str, Any]:
    store, granted = one["store"], one["granted"]
    return {
        "member_id": one["member_id"],
        "rating": one["rating"],
        "name": gettext(WORDS[one["rating"]]),
        "low": one["rating"] <= LOW,
        "text": one["text"] or "",
        "when": when(one["answered_at"], now),
        "store": names.get(store, store) if store else "",
        "order": one["order"]["order_no"] if one["order"] else "",
        "points": ngettext("{count} point", "{count} points", granted) if granted else "",
        "case_id": one["case_id"],
    }
