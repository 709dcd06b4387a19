"""A campaign's report: what it made beyond doing nothing, per arm, and what became of its messages.

The counts are asked for again every few seconds while messages go.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import render_template

from crm import clock
from crm.campaigns import documents, drafts, making
from crm.campaigns.results import reading
from crm.campaigns.results.definitions import told
from crm.campaigns.results.standing import Status
from crm.console import charts, formats, report_words
from crm.console.blueprint import blp
from crm.console.report_words import COUNTERS, FUNNEL, MONEY
from crm.console.settings_page import manner_at
from crm.console.words import say
from crm.errors import N_
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.messages import sources

SENDING = ("launching", "running")
FINDING = N_("{arm}: {amount} ({low} to {high}).")


@blp.get("/campaigns/<uuid:campaign_id>/report")
@needs("campaigns:read")
def campaign_report(campaign_id: UUID) -> str:
    """The report as of now."""
    now = clock.now()
    found = reading.report(campaign_id, now=now)
    currency = found["currency"]
    return render_template(
        "campaign_report.html",
        campaign=found["campaign"],
        headline=report_words.headline(found["total"], currency),
        explained=report_words.explained(found["total"], currency),
        known=found["total"]["status"] != Status.NOT_ENOUGH,
        parts=_parts(found),
        chart=_chart(found),
        arms=[_arm(arm, currency) for arm in found["arms"]],
        winner=_winner(found),
        funnel=_funnel(found),
        money=_money(found),
        counts=_counts(campaign_id),
        method=_method(found),
        window=_window(found, now),
        definitions=told(),
    )


@blp.get("/campaigns/<uuid:campaign_id>/report/counts")
@needs("campaigns:read")
def campaign_counts(campaign_id: UUID) -> str:
    """How many messages became what, for a page that stays open."""
    return render_template("parts/report_counts.html", counts=_counts(campaign_id))


def _counts(campaign_id: UUID) -> dict[str, Any]:
    found = drafts.get(campaign_id)
    counters = documents.counters(found, sources.figures(making.source(campaign_id)))
    whole = max(counters["planned"], 1)
    return {
        "campaign_id": campaign_id,
        "live": found.state in SENDING,
        "rows": [
            {"name": gettext(name), "count": formats.number(counters[key]),
             "share": 100 * counters[key] / whole, "mark": _mark(key)}
            for key, name in COUNTERS.items()
        ],
    }  # fmt: skip


def _mark(key: str) -> str:
    return {"holdout": "c-hold", "planned": "c-keep", "sent": "c-send", "delivered": "c-send"}.get(
        key, "c-out"
    )


def _parts(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """The figure's own parts: per member, members, held out."""
    total, currency = found["total"], found["currency"]
    parts = [
        {"name": gettext(N_("Members who were to get it")),
         "text": formats.number(total["members"])},
        {"name": gettext(N_("Held out")), "text": formats.number(found["holdout"]["members"])},
    ]  # fmt: skip
    if total["per_member"]:
        each = report_words.money(total["per_member"]["estimate"], currency)
        parts.insert(0, {"name": gettext(N_("Per member")), "text": each})
    return parts


def _chart(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arms' effects with their intervals; None while nothing can be said."""
    currency, rows, findings = found["currency"], [], []
    for arm in found["arms"]:
        effect = arm["incremental"]
        if effect is None:
            continue
        name, amount = report_words.arm_name(arm["no"]), report_words.money(
            effect["estimate"], currency
        )  # fmt: skip
        rows.append((name, effect["low"], effect["estimate"], effect["high"], amount))
        low, high = (report_words.money(effect[end], currency) for end in ("low", "high"))
        findings.append(str(say(FINDING, arm=name, amount=amount, low=low, high=high)))
    if not rows:
        return None
    return {"drawn": charts.intervals(rows), "finding": " ".join(findings)}


def _arm(arm: Mapping[str, Any], currency: str) -> dict[str, Any]:
    def span(effect: Mapping[str, float] | None) -> dict[str, str] | None:
        if effect is None:
            return None
        return {end: report_words.money(one, currency) for end, one in effect.items()}

    return {
        "name": report_words.arm_name(arm["no"]),
        "members": formats.number(arm["members"]),
        "buyers": formats.percent(arm["buyers"] / max(arm["members"], 1), 1),
        "per_member": span(arm["per_member"]),
        "incremental": span(arm["incremental"]),
        "verdict": report_words.verdict(arm),
    }


def _winner(found: Mapping[str, Any]) -> str:
    winner = found["winner"]
    if winner["status"] == "winner":
        name = report_words.arm_name(winner["arm"])
        return str(say(N_("{arm} brings more per member than each other arm."), arm=name))
    if winner["status"] == "no_difference":
        return gettext(N_("The arms do not differ by more than chance explains."))
    return ""


def _funnel(found: Mapping[str, Any]) -> dict[str, Any]:
    """What became of messages: a row per step, a column per arm, with shares of what was sent."""
    arms = found["arms"]
    return {
        "heads": [report_words.arm_name(arm["no"]) for arm in arms],
        "rows": [
            {"key": key, "name": gettext(name), "cells": [_cell(arm, key) for arm in arms]}
            for key, name in FUNNEL.items()
        ],
    }


def _cell(arm: Mapping[str, Any], key: str) -> dict[str, str]:
    share = ""
    if key not in ("planned", "sent") and arm["sent"]:
        share = formats.percent(arm[key] / arm["sent"], 1)
    return {"count": formats.number(arm[key]), "share": share}


def _money(found: Mapping[str, Any]) -> dict[str, Any]:
    """What members brought in their windows: a row per figure, a column per arm and the holdout."""
    currency = found["currency"]
    groups = [*found["arms"], found["holdout"]]
    heads = [report_words.arm_name(arm["no"]) for arm in found["arms"]]
    rows = [
        {"key": key, "name": gettext(name),
         "cells": [report_words.money(group[key], currency) for group in groups]}
        for key, name in MONEY.items()
    ]  # fmt: skip
    each = [report_words.money(group["profit_per_member"], currency) for group in groups]
    buyers = [formats.number(group["buyers"]) for group in groups]
    members = [formats.number(group["members"]) for group in groups]
    return {
        "heads": [*heads, gettext(report_words.HOLDOUT)],
        "rows": [
            {"key": "members", "name": gettext(N_("Members")), "cells": members},
            {"key": "buyers", "name": gettext(N_("Buyers")), "cells": buyers},
            *rows,
            {"key": "profit", "name": gettext(N_("Profit per member")), "cells": each},
        ],
    }


def _method(found: Mapping[str, Any]) -> dict[str, str]:
    how = found["method"]
    return {
        "margin": formats.percent(how["margin_percent"] / 100, 1),
        "slope": formats.number(how["slope"], 3),
        "point": formats.number(how["point_value"] / 100, 4),
    }


def _window(found: Mapping[str, Any], now: Any) -> dict[str, str]:
    manner = manner_at(now)
    window = found["window"]
    until = window["until"]
    return {
        "days": formats.days(window["days"]),
        "until": formats.moment(until, now, manner.zone) if until else "",
        "as_of": formats.moment(found["as_of"], now, manner.zone),
    }
