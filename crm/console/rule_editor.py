"""Making a rule, writing a new version of one, and trying out a draft before it is saved."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import forms, mistakes, rule_forms, rule_trial
from crm.console.blueprint import blp
from crm.console.cart_form import CART_WORDS, LINES, cart_leaves, line_leaves
from crm.console.forms import Form
from crm.console.rule_forms import WORDS, leaves_of, names_at
from crm.console.rule_words import KINDS, KINDS_TOLD
from crm.console.settings_page import manner_at
from crm.db import transaction
from crm.errors import NotFound, Refused
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.points import programme_history, rules
from crm.points.rule_schemas import RuleChange, RuleIn
from crm.points.rules import RuleEnded

Answer = str | Response | tuple[str, int]


@blp.get("/programme/rules/new")
@needs("programme:write")
def new_rule() -> str:
    """The form of a kind, or first the choice of the kind."""
    kind = request.args.get("kind", "")
    if kind not in KINDS:
        kinds = [(code, gettext(KINDS[code]), gettext(KINDS_TOLD[code])) for code in KINDS]
        return render_template("rule_kinds.html", kinds=kinds)
    now = clock.now()
    manner = manner_at(now)
    form = Form(forms.values(leaves_of(kind), {"priority": 0}, manner))
    return _page(form, kind, None, now)


@blp.post("/programme/rules")
@needs("programme:write")
def create_rule() -> Answer:
    """Make a rule."""
    now, kind = clock.now(), _kind()
    manner = manner_at(now)
    form = Form(forms.typed(leaves_of(kind), request.form))
    try:
        body = mistakes.load(RuleIn(), rule_trial.document(request.form, kind, manner))
        with transaction():
            made = rules.create(body, actor=principal(), now=now)
            made_id = made.id
    except Refused as refused:
        mistakes.blame(form, refused, leaves_of(kind), manner)
        return _page(form, kind, None, now, typed=True), refused.status
    return redirect(url_for("console.rule", rule_id=made_id, saved=1), 303)


@blp.get("/programme/rules/<uuid:rule_id>/edit")
@needs("programme:write")
def edit_rule(rule_id: UUID) -> str:
    """The form of a rule that has not ended."""
    now = clock.now()
    newest = programme_history.rule_versions(rule_id)[0]
    if newest.superseded_at is not None:
        raise RuleEnded()
    document = rules.document(newest)
    form = Form(forms.values(leaves_of(document["kind"]), document, manner_at(now)))
    return _page(form, document["kind"], rule_id, now, version=newest.version, document=document)


@blp.post("/programme/rules/<uuid:rule_id>/edit")
@needs("programme:write")
def change_rule(rule_id: UUID) -> Answer:
    """Write a new version of a rule."""
    now = clock.now()
    newest = programme_history.rule_versions(rule_id)[0]
    manner, kind = manner_at(now), newest.document["kind"]
    form = Form(forms.typed(leaves_of(kind), request.form))
    read = request.form.get("version", type=int) or newest.version
    try:
        body = mistakes.load(
            RuleChange(), rule_trial.document(request.form, kind, manner) | {"version": read}
        )
        with transaction():
            number = rules.revise(rule_id, body, actor=principal(), now=now).version
    except Refused as refused:
        mistakes.blame(form, refused, leaves_of(kind), manner)
        return _page(form, kind, rule_id, now, version=newest.version, typed=True), refused.status
    return redirect(url_for("console.rule", rule_id=rule_id, saved=number), 303)


@blp.post("/programme/rules/try")
@needs("programme:write")
def try_rule() -> Answer:
    """What the draft would give on the cart beside it. Writes nothing."""
    now, kind = clock.now(), _kind()
    rule_id = request.form.get("rule", type=UUID)
    form = Form(forms.typed(leaves_of(kind), request.form))
    if "HX-Request" in request.headers:
        form.values |= forms.typed(rule_trial.cart_fields(), request.form)
        result = rule_trial.tried(request.form, form, kind, rule_id, now)
        return render_template(
            "parts/preview.html", preview=result, problems=rule_trial.named(form)
        )
    version = request.form.get("version", type=int)
    return _page(form, kind, rule_id, now, version=version, typed=True)


def _kind() -> str:
    kind = request.form.get("kind", "")
    if kind not in KINDS:
        raise NotFound()
    return kind


def _page(
    form: Form,
    kind: str,
    rule_id: UUID | None,
    now: datetime,
    *,
    version: int | None = None,
    document: Mapping[str, Any] | None = None,
    typed: bool = False,
) -> str:
    """The form with its cart; what was typed is tried out on the way."""
    manner, known = manner_at(now), names_at(now)
    preview = None
    if typed:
        form.values |= forms.typed(rule_trial.cart_fields(), request.form)
        preview = (
            rule_trial.tried(request.form, Form({}), kind, rule_id, now)
            if not form.errors
            else None
        )
    else:
        form.values |= forms.values(
            rule_trial.cart_fields(), rule_trial.example(document or {}, known, now), manner
        )
    return render_template(
        "rule_form.html",
        form=form,
        kind=kind,
        kind_name=gettext(KINDS[kind]),
        kind_told=gettext(KINDS_TOLD[kind]),
        rule_id=rule_id,
        version=version,
        groups=rule_forms.groups(kind),
        options=rule_forms.options(form.values, known),
        words=WORDS,
        cart_words=CART_WORDS,
        cart={leaf.pointer.rpartition("/")[2]: leaf for leaf in cart_leaves()},
        lines=[line_leaves(place) for place in range(LINES)],
        more=any(form.values.get(leaf.pointer) for leaf in line_leaves(1)),
        names=known,
        currency=manner.currency,
        preview=preview,
        problems=[],
    )
