"""What a template's version says, made ready once per process and filled in per member."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.db import config, db
from crm.messages.templates import compiling, forms
from crm.messages.templates.compiling import Wrong
from crm.messages.templates.forms import PARTS, CannotSay, Form, Language, Missing

__all__ = [
    "PARTS",
    "CannotSay",
    "Form",
    "Language",
    "Missing",
    "Version",
    "choose",
    "names_of",
    "ready",
]

logger = logging.getLogger(__name__)

Version = Mapping[str, Language]
MOST_KEPT = 256  # versions that one process keeps ready

STORED = text("""
    SELECT v.template_id, v.version, t.channel, t.purpose, v.languages
    FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS integer[])) AS k (id, version)
    JOIN message_template_version v ON v.template_id = k.id AND v.version = k.version
    JOIN message_template t ON t.id = k.id
""")


class Key(NamedTuple):
    """A version of a template."""

    template_id: UUID
    version: int


def choose(version: Version, locale: str | None, shop: str | None = None) -> Language:
    """The language for a member: his own, else the shop's, else the nearest there is. `shop` is
    the shop's locale, where the caller has it at hand.

    Raises `CannotSay` for a version without any.
    """
    if not version:
        raise CannotSay("it says nothing in any language")
    return forms.choose(version, locale, shop or config().locale)


_kept: dict[tuple[UUID, int], Version] = {}


def ready(wanted: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], Version]:
    """These versions, made ready; one statement for those that this process does not keep yet.

    A version that is broken, which should never have been saved, says nothing.
    """
    keys = set(wanted)
    missing = keys - _kept.keys()
    if missing:
        if len(_kept) + len(missing) > MOST_KEPT:
            _kept.clear()
            missing = keys
        for key, channel, purpose, languages in _stored(missing):
            try:
                _kept[key] = compiling.compiled(channel, purpose, languages)
            except Wrong as wrong:
                logger.error("template %s, version %s is broken: %s", *key, wrong)
                _kept[key] = {}
    return {key: _kept[key] for key in keys}


def names_of(versions: Iterable[Version]) -> frozenset[str]:
    """Every field that these versions name, in any language."""
    found: set[str] = set()
    for version in versions:
        for language in version.values():
            found |= language.names
    return frozenset(found)


def _stored(keys: Iterable[tuple[UUID, int]]) -> list[tuple[Key, str, str, dict[str, Any]]]:
    ids, numbers = zip(*keys, strict=True)
    rows = db.session.execute(STORED, {"ids": list(ids), "numbers": list(numbers)})
    return [(Key(one, version), *rest) for one, version, *rest in rows]  # type: ignore[misc]
