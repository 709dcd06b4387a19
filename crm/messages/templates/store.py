"""Templates as they are kept: written in versions, checked before they are, previewed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm import audit
from crm.db import db
from crm.errors import N_, FieldError, Invalid
from crm.http import principal
from crm.http.fields import Said
from crm.http.pagination import decode, page
from crm.messages.errors import (
    TemplateChanged,
    TemplateCodeTaken,
    TemplateInUse,
    TemplateNotFound,
)
from crm.messages.models import MessageTemplate, MessageTemplateVersion
from crm.messages.templates import compiling, usage
from crm.messages.templates.compiling import Wrong
from crm.messages.templates.forms import Language

FIXED = N_("A template keeps its channel and purpose; make another one.")
NO_LANGUAGE = N_("A template says something in at least one language.")

Languages = Mapping[str, Mapping[str, str]]


def create(body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A new template: code, channel, purpose, languages.

    Raises `Invalid` naming each mistake by part and line, `TemplateCodeTaken`.
    """
    languages = told(body["languages"])
    check(body["channel"], body["purpose"], languages)
    found = MessageTemplate(
        code=body["code"],
        channel=body["channel"],
        purpose=body["purpose"],
        version=1,
        created_at=now,
        changed_at=now,
    )
    _hold_code(body["code"])
    db.session.add(found)
    db.session.flush()
    _add_version(found, languages, now)
    audit.record("template.created", "template", found.id, after={"code": found.code}, now=now)
    db.session.flush()
    return document(found)


def change(template_id: UUID, body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A new version, or none when nothing changes; what was planned before keeps its own.

    `version`, if given, is the one that the change was made from. Raises as `create`, and
    `TemplateNotFound`, `TemplateChanged`, `TemplateInUse` where it is to be archived.
    """
    found = db.session.get(MessageTemplate, template_id, with_for_update=True)
    if found is None:
        raise TemplateNotFound()
    if body.get("version") not in (None, found.version):
        raise TemplateChanged(version=found.version)
    for name in ("channel", "purpose", "code"):
        if name in body and body[name] != getattr(found, name):
            raise Invalid([FieldError(f"/{name}", "fixed", FIXED)])
    _archive(found, body.get("archived"), now)
    if "languages" in body:
        languages = told(body["languages"])
        check(found.channel, found.purpose, languages)
        _change(found, languages, now)
    db.session.flush()
    return document(found)


def check(channel: str, purpose: str, languages: Languages) -> dict[str, Language]:
    """The languages made ready. Raises `Invalid` naming every mistake."""
    if not languages:
        raise Invalid([FieldError("/languages", "required", NO_LANGUAGE)])
    ready: dict[str, Language] = {}
    errors: list[FieldError] = []
    for locale, saved in languages.items():
        try:
            ready[locale] = compiling.compile_one(channel, purpose, locale, saved, check=True)
        except Wrong as wrong:
            errors += [_error(locale, part, said) for part, said in wrong.found]
    if errors:
        raise Invalid(errors)
    return ready


def _error(locale: str, part: str, said: Said) -> FieldError:
    return FieldError(f"/languages/{locale}/{part}", said.code, said.text, said.facts)


def get(template_id: UUID) -> MessageTemplate:
    """A template. Raises `TemplateNotFound`."""
    found = db.session.get(MessageTemplate, template_id)
    if found is None:
        raise TemplateNotFound()
    return found


def languages_of(found: MessageTemplate, version: int | None = None) -> dict[str, Any]:
    """What a version says, the newest by default. Raises `TemplateNotFound`."""
    key = (found.id, version or found.version)
    row = db.session.get(MessageTemplateVersion, key)
    if row is None:
        raise TemplateNotFound()
    return row.languages


def document(found: MessageTemplate, version: int | None = None) -> dict[str, Any]:
    """A template as the API shows it, with what its version says. Raises `TemplateNotFound`."""
    return _shown(found) | {
        "version": version or found.version,
        "languages": languages_of(found, version),
    }


def listed(query: Mapping[str, Any]) -> dict[str, Any]:
    """Templates by code. `query`: channel, purpose, archived, limit, cursor."""
    after = decode(query["cursor"], str)
    wanted = select(MessageTemplate).order_by(MessageTemplate.code)
    for name in ("channel", "purpose"):
        if query.get(name):
            wanted = wanted.where(getattr(MessageTemplate, name) == query[name])
    if not query.get("archived"):
        wanted = wanted.where(MessageTemplate.archived_at.is_(None))
    if after:
        wanted = wanted.where(MessageTemplate.code > after[0])
    rows = db.session.scalars(wanted.limit(query["limit"] + 1)).all()
    found = page(rows, query["limit"], lambda row: (row.code,))
    said = _newest(found["data"])
    found["data"] = [
        _shown(row) | {"version": row.version, "languages": said[row.id]} for row in found["data"]
    ]
    return found


def _shown(found: MessageTemplate) -> dict[str, Any]:
    names = ("id", "code", "channel", "purpose", "created_at", "changed_at", "archived_at")
    return {name: getattr(found, name) for name in names}


def versions_of(template_id: UUID) -> Sequence[MessageTemplateVersion]:
    """Every version, the newest first."""
    return db.session.scalars(
        select(MessageTemplateVersion)
        .where(MessageTemplateVersion.template_id == template_id)
        .order_by(MessageTemplateVersion.version.desc())
    ).all()


def _newest(rows: Sequence[MessageTemplate]) -> dict[UUID, Mapping[str, Any]]:
    found = db.session.execute(
        text("""
            SELECT t.id, v.languages FROM message_template t
            JOIN message_template_version v ON v.template_id = t.id AND v.version = t.version
            WHERE t.id = ANY(:ids)
        """),
        {"ids": [row.id for row in rows]},
    )
    return {row.id: row.languages for row in found}


def told(languages: Mapping[str, Mapping[str, str | None]]) -> dict[str, dict[str, str]]:
    """Languages without empty parts."""
    return {
        locale: {name: part for name, part in parts.items() if part}
        for locale, parts in languages.items()
    }


def _hold_code(code: str) -> None:
    """One of two that take a code at once waits here, and then sees that it is taken."""
    db.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('message_template:' || :code, 0))"),
        {"code": code},
    )
    if db.session.scalar(select(MessageTemplate.id).filter_by(code=code)) is not None:
        raise TemplateCodeTaken()


def _change(found: MessageTemplate, languages: Languages, now: datetime) -> None:
    if languages_of(found) == languages:
        return
    found.version += 1
    found.changed_at = now
    _add_version(found, languages, now)
    audit.record(
        "template.changed",
        "template",
        found.id,
        before={"version": found.version - 1},
        after={"version": found.version, "languages": sorted(languages)},
        now=now,
    )


def _add_version(found: MessageTemplate, languages: Languages, now: datetime) -> None:
    db.session.add(
        MessageTemplateVersion(
            template_id=found.id,
            version=found.version,
            languages=languages,
            created_by=principal().name,
            created_at=now,
        )
    )


def _archive(found: MessageTemplate, wanted: bool | None, now: datetime) -> None:
    if wanted is None or wanted == (found.archived_at is not None):
        return
    uses = usage.of(found.id) if wanted else []
    if uses:
        names = ", ".join(one.name for one in uses)
        raise TemplateInUse(names=names, used_by=[one._asdict() for one in uses])
    found.archived_at = now if wanted else None
    action = "template.archived" if wanted else "template.restored"
    audit.record(action, "template", found.id, now=now)
