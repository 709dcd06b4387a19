"""The rules: those that count, will count and count no more; each with all its versions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import forms, mistakes, rule_told, telling
from crm.console.blueprint import blp
from crm.console.forms import Manner
from crm.console.rule_forms import EVERY, WORDS, leaves_of, names_at
from crm.console.rule_words import KINDS, STATES
from crm.console.settings_page import manner_at
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import decode, page
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.points import programme_history, rule_lists, rules
from crm.points.programme_history import ACTIVE, ENDED, RULE_STATES
from crm.points.programme_models import RuleVersion
from crm.points.rule import Rule

SHOWN = 100


class RulesQuery(Schema):
    """Which rules, and which page of them."""

    state = fields.Choice(*RULE_STATES, load_default=ACTIVE)
    cursor = fields.Text(500, load_default=None)


@blp.get("/programme/rules")
@needs("programme:read")
def rules_page() -> str:
    """The rules in one state, the newest first."""
    now = clock.now()
    asked = mistakes.load(RulesQuery(), request.args.to_dict())
    (after,) = decode(asked["cursor"], UUID) or (None,)
    rows = rule_lists.listed(asked["state"], now, after=after, limit=SHOWN)
    found, counts = page(rows, SHOWN, lambda row: (row.id,)), rule_lists.counts(now)
    manner, known = manner_at(now), names_at(now)
    return render_template(
        "rules.html",
        tabs=[(code, gettext(STATES[code]), counts[code]) for code in RULE_STATES],
        state=asked["state"],
        rows=[listed_rule(row, manner, known) for row in found["data"]],
        cursor=found["next_cursor"],
    )


def listed_rule(row: RuleVersion, manner: Manner, known: rule_told.Names) -> dict[str, Any]:
    """A rule as the list of them shows it."""
    told = rule_told.told(parsed(row), manner.currency, known)
    return told | {"kind": gettext(KINDS[row.document["kind"]]), "period": _period(row, manner)}


def parsed(row: RuleVersion) -> Rule:
    """A stored version as a rule."""
    return Rule.parse(
        row.document,
        id=row.id,
        version=row.version,
        valid_from=row.valid_from,
        superseded_at=row.superseded_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )


def _period(row: RuleVersion, manner: Manner) -> str:
    """From when until when it counts, by the shop's clock."""
    ends = [end for end in (row.ends_at, row.superseded_at) if end is not None]
    start = _moment(max(row.valid_from, row.starts_at or row.valid_from), manner)
    if not ends:
        return say(N_("since {start}"), start=start)
    return say(N_("{start} to {end}"), start=start, end=_moment(min(ends), manner))


def _moment(at: datetime, manner: Manner) -> str:
    return f"{at.astimezone(manner.zone):%Y-%m-%d %H:%M}"


@blp.get("/programme/rules/<uuid:rule_id>")
@needs("programme:read")
def rule(rule_id: UUID) -> str:
    """One rule: what it gives and when, in words and in figures, and how it came to be so."""
    now = clock.now()
    versions, manner = programme_history.rule_versions(rule_id), manner_at(now)
    newest, known = versions[0], names_at(now)
    state = programme_history.rule_state(newest, now)
    document = rules.document(newest)
    facts = [
        (WORDS.label(leaf.pointer), telling.told(leaf, value, WORDS, manner))
        for leaf in leaves_of(document["kind"])
        if (value := forms.look_up(document, leaf.pointer)) not in (None, "", [])
    ]
    return render_template(
        "rule.html",
        rule=listed_rule(newest, manner, known) | {"version": newest.version},
        state={"state": state, "state_name": gettext(STATES[state])},
        may_end=newest.superseded_at is None,
        is_over=state == ENDED,
        facts=facts,
        versions=_versions(versions, manner),
        saved=request.args.get("saved", ""),
    )


def _versions(rows: list[RuleVersion], manner: Manner) -> list[dict[str, Any]]:
    """Every version with what it changed, the newest first."""
    found = []
    for row, older in zip(rows, [*rows[1:], None], strict=True):
        before, after = rules.document(older) if older else None, rules.document(row)
        changes = telling.differences(EVERY, before, after, WORDS, manner) if before else []
        found.append(
            {
                "number": row.version,
                "since": _moment(row.valid_from, manner),
                "until": _moment(row.superseded_at, manner) if row.superseded_at else "",
                "by": row.created_by,
                "changes": changes,
            }
        )
    return found


@blp.post("/programme/rules/<uuid:rule_id>/end")
@needs("programme:write")
def end_rule(rule_id: UUID) -> Response:
    """End a rule now; what it gave stays."""
    with transaction():
        rules.end(rule_id, now=clock.now())
    return redirect(url_for("console.rule", rule_id=rule_id), 303)
