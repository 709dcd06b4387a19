"""The programme's settings: what is in force and announced, every version, and a form for the next.

The form sends every setting and the version that it was made from; a change that somebody else made
meanwhile is shown, never overwritten.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import forms, mistakes, telling
from crm.console.blueprint import blp
from crm.console.forms import Form, Leaf, Manner
from crm.console.setting_words import CHOICES, HINTS, LABELS, SECTIONS, STATES
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, Refused
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.points import programme, programme_history
from crm.points.programme import ProgrammeChanged
from crm.points.programme_history import settings_of
from crm.points.programme_schemas import ProgrammeDocument
from crm.versions import ANNOUNCED, Version

WORDS = telling.Words(LABELS, HINTS, CHOICES)
STAMPS = ("version", "effective_at")
LEAVES = tuple(forms.leaves(ProgrammeDocument, skip=STAMPS))
EFFECTIVE = next(
    leaf for leaf in forms.leaves(ProgrammeDocument) if leaf.pointer == "/effective_at"
)
ALL = (*LEAVES, EFFECTIVE)
MOST_VERSIONS = 50
UNCHANGED = N_("Nothing was changed, so no new version was written.")
SAVED = N_("Version {number} is in force.")
SAVED_FOR_LATER = N_("Version {number} is announced for {when}.")
MEANWHILE = N_("{who} changed the programme meanwhile: version {number} is in force.")
YOURS_STAND = N_("What you entered is still here. Save again to put it in place of that version.")


@blp.get("/programme/settings")
@needs("programme:read")
def settings() -> str:
    """The settings in force, or an announced version to be replaced; a form for who may write."""
    now = clock.now()
    chosen = _chosen(now)
    shown = settings_of(chosen.row)
    manner = manner_at(now)
    form = Form(forms.values(LEAVES, shown, manner))
    form.values["/effective_at"] = ""
    if chosen.state == ANNOUNCED:
        form.values["/effective_at"] = forms.local(chosen.row.effective_at, manner.zone)
    in_force = programme.current(now).version
    return _page(form, now, chosen=chosen, version=in_force, saved=request.args.get("saved", ""))


def _chosen(now: datetime) -> Version:
    """The announced version that the address names, else the one in force."""
    wanted = request.args.get("version", type=int)
    found = {item.row.version: item for item in programme_history.versions(now)}
    if wanted in found and found[wanted].state == ANNOUNCED:
        return found[wanted]
    return found[programme.current(now).version]


def manner_at(now: datetime) -> Manner:
    """How amounts and times are written: as the programme in force has it."""
    current = programme.current(now)
    return Manner(current.currency, current.zone)


@blp.post("/programme/settings")
@needs("programme:write")
def change_settings() -> Response | tuple[str, int]:
    """Write a new version, to take effect now or later."""
    now = clock.now()
    manner = manner_at(now)
    form = Form(forms.typed(ALL, request.form))
    read = request.form.get("version", type=int) or programme.current(now).version
    try:
        document = forms.read(ALL, request.form, manner)
        body = mistakes.load(ProgrammeDocument(), document | {"version": read})
        with transaction():
            if _changes_nothing(body, now, manner):
                form.said.append(gettext(UNCHANGED))
                return _page(form, now, version=read), 422
            written = programme.change(body, actor=principal(), now=now)
    except ProgrammeChanged as refused:
        return _overtaken(form, read, refused, now), 409
    except Refused as refused:
        mistakes.blame(form, refused, ALL, manner)
        return _page(form, now, version=read), refused.status
    return redirect(url_for("console.settings", saved=written["version"]), 303)


def _changes_nothing(body: Mapping[str, Any], now: datetime, manner: Manner) -> bool:
    there = programme.document_at(body.get("effective_at") or now)
    return not telling.differences(LEAVES, there, body, WORDS, manner)


def _overtaken(form: Form, read: int, refused: ProgrammeChanged, now: datetime) -> str:
    """The form as it was typed, what changed meanwhile, and the version that it now goes by."""
    found = {item.row.version: item.row for item in programme_history.versions(now)}
    newest, old = found[programme.current(now).version], found.get(read)
    form.said.append(say(MEANWHILE, who=newest.created_by, number=newest.version))
    form.said.append(gettext(YOURS_STAND))
    before = settings_of(old) if old else {}
    changes = telling.differences(LEAVES, before, settings_of(newest), WORDS, manner_at(now))
    return _page(form, now, version=newest.version, meanwhile=changes if old else ())


def _page(
    form: Form,
    now: datetime,
    *,
    version: int,
    chosen: Version | None = None,
    meanwhile: Sequence[telling.Difference] = (),
    saved: str = "",
) -> str:
    manner, listed = manner_at(now), programme_history.versions(now)
    replaced = chosen if chosen is not None and chosen.state == ANNOUNCED else None
    current = settings_of(chosen.row) if chosen else programme.document_at(now)
    return render_template(
        "settings.html",
        form=form,
        sections=sections(),
        words=WORDS,
        currency=manner.currency,
        effective=EFFECTIVE,
        version=version,
        replaced=replaced.row.version if replaced else None,
        meanwhile=meanwhile,
        told=lambda leaf: telling.told(leaf, forms.look_up(current, leaf.pointer), WORDS, manner),
        versions=[listed_version(item, manner) for item in listed[:MOST_VERSIONS]],
        saved=_saved(saved, listed, manner),
    )


def sections() -> list[dict[str, Any]]:
    """The settings in groups, in the order of the schema; what stands alone is general."""
    found: dict[str, list[Leaf]] = {}
    for name, group in groupby(LEAVES, key=_section):
        found.setdefault(name, []).extend(group)
    return [
        {"code": name, "title": gettext(SECTIONS.get(name, name)), "leaves": group}
        for name, group in found.items()
    ]


def _section(leaf: Leaf) -> str:
    first, _, rest = leaf.pointer[1:].partition("/")
    return first if rest else "general"


def _saved(number: str, listed: list[Version], manner: Manner) -> str:
    for item in listed:
        if str(item.row.version) == number:
            text = SAVED_FOR_LATER if item.state == ANNOUNCED else SAVED
            return say(text, number=number, when=_moment(item.row.effective_at, manner))
    return ""


def _moment(at: datetime, manner: Manner) -> str:
    return f"{at.astimezone(manner.zone):%Y-%m-%d %H:%M}"


def listed_version(item: Version, manner: Manner) -> dict[str, Any]:
    """A version as the list of them shows it."""
    return {
        "number": item.row.version,
        "state": item.state,
        "state_name": gettext(STATES[item.state]),
        "since": _moment(item.row.effective_at, manner),
        "by": item.row.created_by,
        "written": _moment(item.row.created_at, manner),
    }


@blp.get("/programme/settings/versions/<int:number>")
@needs("programme:read")
def settings_version(number: int) -> str:
    """One version, whole, and what it changed."""
    now = clock.now()
    found, manner = programme_history.version(number, now), manner_at(now)
    document = settings_of(found.row)
    before = settings_of(found.before) if found.before else None
    return render_template(
        "settings_version.html",
        version=listed_version(found, manner),
        before=found.before.version if found.before else None,
        changes=telling.differences(LEAVES, before, document, WORDS, manner) if before else (),
        sections=sections(),
        words=WORDS,
        told=lambda leaf: telling.told(leaf, forms.look_up(document, leaf.pointer), WORDS, manner),
    )
