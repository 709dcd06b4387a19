"""The ladder of tiers: what is in force and announced, every version, and a form for the next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import forms, ladder_coupons, ladder_form, ladder_told, mistakes
from crm.console.blueprint import blp
from crm.console.forms import Form
from crm.console.ladder_form import EFFECTIVE, SETTINGS, asked_leaves, plain_leaves
from crm.console.ladder_words import WORDS
from crm.console.settings_page import (
    MEANWHILE,
    SAVED,
    SAVED_FOR_LATER,
    UNCHANGED,
    YOURS_STAND,
    listed_version,
    manner_at,
)
from crm.console.telling import Difference
from crm.console.words import say
from crm.coupons.benefits import ladder as coupon_ladder
from crm.db import transaction
from crm.errors import FieldError, Invalid, Refused
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.members.models import TierLadder
from crm.members.tiers import ladder_history, ladders, storage
from crm.members.tiers.ladders import LadderChanged
from crm.members.tiers.schemas import LadderIn
from crm.versions import ANNOUNCED, Version

MOST_VERSIONS = 50
Answer = str | Response | tuple[str, int]


@blp.get("/programme/tiers")
@needs("programme:read")
def ladder() -> str:
    """The ladder in force, or an announced one to be replaced; a form for who may write."""
    now = clock.now()
    chosen = _chosen(now)
    manner = manner_at(now)
    form = ladder_form.shown(ladder_history.document_of(chosen.row), manner)
    is_later = chosen.state == ANNOUNCED
    form.values["/effective_at"] = (
        forms.local(chosen.row.effective_at, manner.zone) if is_later else ""
    )
    return _page(
        form,
        now,
        read=ladders.load().at(now).version,
        base=chosen.row.version,
        replaces=is_later,
        saved=request.args.get("saved", ""),
    )


def _chosen(now: datetime) -> Version[TierLadder]:
    """The announced version that the address names, else the one in force."""
    wanted = request.args.get("version", type=int)
    found = {item.row.version: item for item in ladder_history.versions(now)}
    if wanted in found and found[wanted].state == ANNOUNCED:
        return found[wanted]
    return found[ladders.load().at(now).version]


@blp.post("/programme/tiers")
@needs("programme:write")
def change_ladder() -> Answer:
    """Write a new version; or, by its other buttons, add, remove or move a tier in the form."""
    now = clock.now()
    read = request.form.get("version", default=0, type=int)
    base = request.form.get("base", default=read, type=int)
    form = ladder_form.rearranged(request.form, request.form.get("do", ""))
    if request.form.get("do"):
        return _page(form, now, read=read, base=base)
    manner, moved = manner_at(now), {}
    try:
        document, moved = ladder_form.read(request.form, manner, _tiers_of(base, now))
        body = mistakes.load(LadderIn(), document | {"version": read})
        at = body.get("effective_at") or now
        with transaction():
            there = ladders.document_at(at)
            if not ladder_told.differences(there, {**there, **body}, manner):
                form.said.append(gettext(UNCHANGED))
                return _page(form, now, read=read, base=base), 422
            written = coupon_ladder.change(body, actor=principal(), now=now)
    except LadderChanged as refused:
        return _overtaken(form, read, now), refused.status
    except Refused as refused:
        known = ladder_form.every_leaf(ladder_form.places(request.form))
        mistakes.blame(form, _placed(refused, moved), known, manner)
        return _page(form, now, read=read, base=base), refused.status
    return redirect(url_for("console.ladder", saved=written.version), 303)


def _tiers_of(version: int, now: datetime) -> dict[str, Mapping[str, Any]]:
    """The tiers of a version by code; none if there is no such version."""
    for item in ladder_history.versions(now):
        if item.row.version == version:
            return {tier["code"]: tier for tier in item.row.document["tiers"]}
    return {}


def _placed(refused: Refused, moved: Mapping[str, str]) -> Refused:
    """The refusal with the places of its mistakes as the form names them."""
    if not isinstance(refused, Invalid):
        return refused
    return Invalid(
        [
            FieldError(moved.get(one.pointer, one.pointer), one.code, one.detail, one.facts)
            for one in refused.errors
        ]
    )


def _overtaken(form: Form, read: int, now: datetime) -> str:
    """The form as it was typed, and what changed meanwhile."""
    found = {item.row.version: item.row for item in ladder_history.versions(now)}
    newest, old = found[ladders.load().at(now).version], found.get(read)
    form.said.append(say(MEANWHILE, who=newest.created_by, number=newest.version))
    form.said.append(gettext(YOURS_STAND))
    changes = ladder_told.differences(old.document, newest.document, manner_at(now)) if old else ()
    return _page(form, now, read=newest.version, base=newest.version, meanwhile=changes)


def _page(
    form: Form,
    now: datetime,
    *,
    read: int,
    base: int,
    replaces: bool = False,
    meanwhile: Sequence[Difference] = (),
    saved: str = "",
) -> str:
    manner, listed = manner_at(now), ladder_history.versions(now)
    places = sorted({int(name.split("/")[2]) for name in form.values if name.startswith("/tiers/")})
    current, members = ladders.document_at(now), storage.members_per_tier()
    return render_template(
        "ladder.html",
        form=form,
        words=WORDS,
        currency=manner.currency,
        settings=SETTINGS,
        effective=EFFECTIVE,
        tiers=[_tier(form, place, members) for place in places],
        coupons=ladder_coupons.options(form, places, now),
        facts=list(ladder_told.facts(current, manner).values()),
        version=read,
        base=base,
        replaced=base if replaces else None,
        meanwhile=meanwhile,
        saved=_saved(saved, listed, now),
        versions=[listed_version(item, manner) for item in listed[:MOST_VERSIONS]],
    )


def _tier(form: Form, place: int, members: Mapping[str, int]) -> dict[str, Any]:
    """The fields of one tier, in the parts that the page shows, and how many members hold it."""
    leaves = plain_leaves(place)
    code = form.values.get(f"/tiers/{place}/was", "")
    return {
        "place": place,
        "was": code,
        "title": form.values.get(f"/tiers/{place}/name/en") or code,
        "members": members.get(code, 0),
        "main": [leaf for leaf in leaves if "/benefits/" not in leaf.pointer],
        "qualify": asked_leaves(place, "qualify"),
        "keep": asked_leaves(place, "keep"),
        "benefits": [leaf for leaf in leaves if "/benefits/" in leaf.pointer],
    }


def _saved(number: str, listed: Sequence[Version[TierLadder]], now: datetime) -> str:
    for item in listed:
        if str(item.row.version) == number:
            when = listed_version(item, manner_at(now))["since"]
            text = SAVED_FOR_LATER if item.state == ANNOUNCED else SAVED
            return say(text, number=number, when=when)
    return ""


@blp.get("/programme/tiers/versions/<int:number>")
@needs("programme:read")
def ladder_version(number: int) -> str:
    """One version, whole, and what it changed."""
    now = clock.now()
    found, manner = ladder_history.version(number, now), manner_at(now)
    before = found.before
    return render_template(
        "ladder_version.html",
        version=listed_version(found, manner),
        before=before.version if before else None,
        changes=ladder_told.differences(before.document, found.row.document, manner)
        if before
        else (),
        facts=list(ladder_told.facts(found.row.document, manner).values()),
    )
