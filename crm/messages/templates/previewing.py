"""A template on real members: what each would read, and what would be missing, before launch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import config, db
from crm.members.identity import absent
from crm.messages import facts, policy
from crm.messages.templates import compiling, forms, store
from crm.messages.templates.compiling import Wrong
from crm.messages.templates.forms import Language
from crm.messages.templates.segments import of_text

MEMBERS = text("""
    SELECT m.id, m.name, m.member_no, m.locale, coalesce(m.timezone, s.timezone, :zone) AS zone
    FROM member m LEFT JOIN store s ON s.code = m.home_store
    WHERE m.id = ANY(:ids) AND m.status = 'active'
""")
SAMPLE_WAY_OUT = "/u/sample"
CHUNK = 2000


def preview(
    channel: str,
    ready: Mapping[str, Language],
    member_id: UUID,
    *,
    variables: Mapping[str, Any],
    now: datetime,
) -> list[dict[str, Any]]:
    """Each language for one member: its parts, what is missing, how many parts of an SMS.

    Missing values stand as their names in brackets. Raises `MemberNotFound`.
    """
    names = frozenset[str]().union(*(language.names for language in ready.values()))
    found = _values([member_id], names, variables, now)
    if member_id not in found:
        raise absent(member_id)
    values, zone, locale = found[member_id]
    chosen = forms.choose(ready, locale, config().locale).locale
    return [
        _shown(channel, ready[one], values, zone) | {"chosen": one == chosen}
        for one in forms.FALLBACK[chosen]
        if one in ready
    ]


def _shown(
    channel: str, language: Language, values: Mapping[str, Any], zone: str
) -> dict[str, Any]:
    parts, missing = language.previewed(values, zone)
    segments = of_text(parts["text"]).count if channel == "sms" else None
    return {
        "locale": language.locale,
        **{name: parts.get(name) for name in forms.PARTS},
        "missing": missing,
        "segments": segments,
    }


def missing_for(
    template_id: UUID,
    members: Sequence[UUID],
    *,
    variables: Mapping[UUID, Mapping[str, Any]] | None = None,
    version: int | None = None,
    now: datetime,
) -> dict[str, list[UUID]]:
    """Which values are missing for which members, by name; empty: it can be said to all of them.

    `variables` are what the messages will carry, by member. Members who are gone are passed over.
    A statement or two for each 2,000 members. Raises `TemplateNotFound`.
    """
    found = store.get(template_id)
    languages = store.languages_of(found, version)
    ready = compiling.compiled(found.channel, found.purpose, languages)
    names = frozenset[str]().union(*(language.names for language in ready.values()))
    lacking: dict[str, list[UUID]] = {}
    given = variables or {}
    for start in range(0, len(members), CHUNK):
        chunk = members[start : start + CHUNK]
        for one, (values, zone, locale) in _values(chunk, names, given, now, each=True).items():
            language = forms.choose(ready, locale, config().locale)
            for name in language.missing(values, zone):
                lacking.setdefault(name, []).append(one)
    return lacking


def _values(
    ids: Sequence[UUID],
    names: frozenset[str],
    variables: Mapping[Any, Any],
    now: datetime,
    *,
    each: bool = False,
) -> dict[UUID, tuple[dict[str, Any], str, str | None]]:
    """Values, zone and locale by member; `variables` for all of them, or of `each`."""
    known = facts.gather(names, ids, now)
    zone = policy.current().timezone
    way_out = config().base_url.rstrip("/") + SAMPLE_WAY_OUT
    found = {}
    for row in db.session.execute(MEMBERS, {"ids": list(ids), "zone": zone}):
        values = facts.values_of(
            known.get(row.id, {}),
            variables.get(row.id, {}) if each else variables,
            name=row.name,
            member_no=row.member_no,
            locale=row.locale or config().locale,
            unsubscribe=way_out,
        )
        found[row.id] = (values, row.zone, row.locale)
    return found


__all__ = ["Wrong", "missing_for", "preview"]
