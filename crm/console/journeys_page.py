"""Journeys at the console: all of them, with what is due and what came of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import render_template, request

from crm import clock
from crm.campaigns.journeys import coming, moments, results, switching
from crm.campaigns.journeys.moments import Zones
from crm.campaigns.journeys.results import Results
from crm.campaigns.journeys.switching import Switched
from crm.console import formats, message_words
from crm.console.blueprint import blp
from crm.console.leaves import Manner
from crm.console.settings_page import manner_at
from crm.http.permissions import needs
from crm.i18n import gettext

LAST_DAYS = 30


@blp.get("/journeys")
@needs("journeys:read")
def journeys() -> str:
    """Every journey: whether it is on, what came of it; what is due is counted afterwards."""
    return render_template(
        "journeys.html", rows=_listed(clock.now()), days=LAST_DAYS, counted=False
    )


@blp.get("/journeys/due")
@needs("journeys:read")
def journeys_due() -> str:
    """The rows of the list with what is due. Without a script: the whole page with it."""
    now = clock.now()
    zones = moments.used(now)
    due = {one.journey.code: _due(one, zones, now) for one in switching.listed()}
    rows = [row | due[row["code"]] for row in _listed(now)]
    page = "parts/journey_rows.html" if "HX-Request" in request.headers else "journeys.html"
    return render_template(page, rows=rows, days=LAST_DAYS, counted=True)


def _listed(now: datetime) -> list[dict[str, Any]]:
    manner = manner_at(now)
    return [
        {
            "code": one.journey.code,
            "name": gettext(one.journey.name),
            "told": gettext(one.journey.told),
            "on": one.enabled,
            **figures_of(results.of(one, LAST_DAYS, now=now), manner),
        }
        for one in switching.listed()
    ]


def _due(one: Switched, zones: Zones, now: datetime) -> dict[str, str]:
    ahead = coming.ahead(one, zones, now)
    return {
        "today": formats.number(ahead.today),
        "ahead": by_channel(ahead.channels) if len(ahead.channels) > 1 else "",
        "week": formats.number(ahead.next_7_days),
    }


def figures_of(found: Results, manner: Manner) -> dict[str, str]:
    """What came of a journey, as people read it."""
    names = (
        *("given", "skipped", "expired", "sent", "delivered", "opened", "redeemed", "orders"),
        *("points", "coupons"),
    )
    return {name: formats.number(getattr(found, name)) for name in names} | {
        "channels": by_channel(found.channels) if len(found.channels) > 1 else "",
        "revenue": formats.money(found.revenue, manner.currency, short=True),
        "window": formats.days(found.attribution_days),
    }


def by_channel(found: Mapping[str, int]) -> str:
    """How many by which channel, in one line."""
    return " · ".join(
        f"{gettext(message_words.CHANNELS[name])} {formats.number(n)}" for name, n in found.items()
    )
