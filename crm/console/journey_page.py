"""One journey at the console: results, a dry run, who was skipped, its settings."""

from datetime import datetime
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.campaigns.journeys import dry_runs, results, switching
from crm.campaigns.journeys.switching import Switched
from crm.console import (
    charts,
    formats,
    forms,
    journey_holidays,
    journey_told,
    message_words,
    mistakes,
    person,
)
from crm.console.blueprint import blp
from crm.console.forms import Form
from crm.console.journey_holidays import HOLIDAYS
from crm.console.journey_words import ASKING, STATES, WORDS
from crm.console.journeys_page import LAST_DAYS, figures_of
from crm.console.leaves import Leaf
from crm.console.settings_page import manner_at
from crm.coupons import templates as coupon_templates
from crm.db import transaction
from crm.errors import N_, Invalid, Refused
from crm.http import Schema, fields, problems
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.messages.templates import store

SHOWN = 20
MOST = 200  # templates to choose from
DONE = {
    "saved": N_("It is saved."),
    "on": N_("The journey is on."),
    "off": N_("The journey is off."),
}
Answer = str | Response | tuple[str, int]


class JourneyShown(Schema):
    """For which day to try, which occasions, which page of them; what was done just now."""

    day = fields.Day(load_default=None)
    state = fields.Choice(*STATES, load_default=None)
    cursor = fields.Text(500, load_default=None)
    done = fields.Choice(*DONE, load_default=None)


@blp.get("/journeys/<code>")
@needs("journeys:read")
def journey(code: str) -> str:
    """One journey."""
    one, now = switching.get(code), clock.now()
    known = leaves_of(one)
    form = Form(forms.values(known, _shown(one), manner_at(now)))
    return _page(one, form, now)


@blp.post("/journeys/<code>")
@needs("journeys:write")
def change_journey(code: str) -> Answer:
    """Save what is set, or switch it on or off."""
    one, now = switching.get(code), clock.now()
    do = request.form.get("do", "save")
    known, manner = leaves_of(one), manner_at(now)
    form = Form(forms.typed(known, request.form))
    try:
        if do in ("on", "off"):
            form = Form(forms.values(known, _shown(one), manner))
            body: dict[str, Any] = {"enabled": do == "on"}
        else:
            given = forms.read(known, request.form, manner)
            if "holidays" in given:
                given["holidays"] = journey_holidays.read(given["holidays"])
            body = {"settings": given}
            version = request.form.get("version", type=int)
            body |= {} if version is None else {"version": version}
        with transaction():
            switching.change(code, body, now=now)
    except Refused as refused:
        inside = [Leaf(f"/settings{leaf.pointer}", leaf.field) for leaf in known]
        mistakes.blame(form, refused, inside, manner)
        form.errors = {name.removeprefix("/settings"): text for name, text in form.errors.items()}
        return _page(one, form, now), refused.status
    done = do if do in DONE else "saved"
    return redirect(url_for("console.journey", code=code, done=done), 303)


def leaves_of(one: Switched) -> tuple[Leaf, ...]:
    """What can be set by the form."""
    known = tuple(forms.leaves(one.journey.schema))
    return (*known, HOLIDAYS) if "holidays" in one.settings else known


def _shown(one: Switched) -> dict[str, Any]:
    """What is set, as the form writes it."""
    found = one.document()["settings"]
    if "holidays" in found:
        found["holidays"] = journey_holidays.written(found["holidays"])
    return found


def _page(one: Switched, form: Form, now: datetime) -> str:
    manner = manner_at(now)
    asked, wrong = _asked()
    found = results.of(one, LAST_DAYS, now=now)
    listed = results.occasions(
        one.journey.code, state=asked["state"], reason=None, limit=SHOWN, cursor=asked["cursor"]
    )
    owners = person.called(row.member_id for row in listed["data"])
    today = now.astimezone(manner.zone).date()
    tried = dry_runs.run(one, asked["day"], now=now) if asked["day"] else None
    return render_template(
        "journey.html",
        code=one.journey.code,
        name=gettext(one.journey.name),
        told=gettext(one.journey.told),
        on=one.enabled,
        version=one.version,
        figures=figures_of(found, manner),
        chart=charts.day_columns(journey_told.days_of(found)),
        by_day=[(formats.iso_day(day, today), formats.number(n)) for day, n in found.by_day],
        days=LAST_DAYS,
        reasons=[
            (journey_told.reason(name), formats.number(n)) for name, n in found.reasons.items()
        ],
        rows=[journey_told.row_of(row, owners, manner, now) for row in listed["data"]],
        cursor=listed["next_cursor"],
        state=asked["state"] or "",
        states=[(name, gettext(text)) for name, text in STATES.items()],
        day=request.args["day"] if wrong else (asked["day"] or today).isoformat(),
        wrong=wrong,
        tried=journey_told.tried_of(tried, now) if tried else None,
        form=form,
        words=ASKING if one.journey.code == "after_sale" else WORDS,
        fields=leaves_of(one),
        options=_options(form, now),
        may_write=principal().may("journeys:write"),
        said=gettext(DONE[asked["done"]]) if asked["done"] else "",
    )


def _asked() -> tuple[dict[str, Any], str]:
    """What the page is asked for, and what is wrong with the day to try."""
    given = {name: text for name, text in request.args.items() if text}
    try:
        return mistakes.load(JourneyShown(), given), ""
    except Invalid as refused:
        wrong = [one for one in refused.errors if one.pointer == "/day"]
        if not wrong:
            raise
        rest = {name: text for name, text in given.items() if name != "day"}
        told = problems.say(wrong[0].detail, dict(wrong[0].facts))
        return mistakes.load(JourneyShown(), rest), told


def _options(form: Form, now: datetime) -> dict[str, dict[str, str]]:
    """The templates that may be chosen; the one that is named can be kept."""
    listed = store.listed({"limit": MOST, "cursor": None, "channel": None, "purpose": None,
                           "archived": False})["data"]  # fmt: skip
    templates = {
        str(one["id"]): f"{one['code']} · {gettext(message_words.CHANNELS[one['channel']])}"
        for one in listed
    }
    found = {
        "/template": templates,
        "/fallback_template": dict(templates),
        "/coupon_template": {
            str(one.id): one.name for one in coupon_templates.listed(MOST, open_at=now)
        },
    }
    for pointer, choices in found.items():
        chosen = form.values.get(pointer)
        if chosen and chosen not in choices:
            choices[chosen] = chosen
    return {pointer: choices or {"": "–"} for pointer, choices in found.items()}
