"""What segments are called: the product's names, or the shop's own. Codes never change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from crm import audit
from crm.db import db
from crm.i18n import LOCALES, locale
from crm.segments.errors import SegmentNotFound
from crm.segments.models import SegmentLabel
from crm.segments.vocabulary import BY_CODE

Names = Mapping[str, str]


def own() -> dict[str, dict[str, str]]:
    """The shop's own names by code and language; most shops have none."""
    found: dict[str, dict[str, str]] = {}
    rows = select(SegmentLabel.code, SegmentLabel.locale, SegmentLabel.name)
    for code, language, name in db.session.execute(rows):
        found.setdefault(code, {})[language] = name
    return found


def names() -> dict[str, str]:
    """What every segment is called in the current language."""
    chosen = {code: name[locale()] for code, name in own().items() if locale() in name}
    return {code: segment.name for code, segment in BY_CODE.items()} | chosen


def named(code: str | None, called: Names | None = None) -> dict[str, str] | None:
    """`{"code", "name", "definition"}` in the current language; None for no segment.

    `called`: the `names`, for who has them already.
    """
    if code is None:
        return None
    name = (names() if called is None else called)[code]
    return {"code": code, "name": name, "definition": BY_CODE[code].definition}


def told(code: str) -> dict[str, Any]:
    """A segment with the shop's own names in every language (null: the product's).

    Raises `SegmentNotFound`.
    """
    if code not in BY_CODE:
        raise SegmentNotFound()
    mine = own().get(code, {})
    return (named(code) or {}) | {"labels": {language: mine.get(language) for language in LOCALES}}


def by_language(wished: Mapping[str, str | None]) -> dict[str, str | None]:
    """Names as `schemas.LabelsIn` reads them, by language."""
    return {name.replace("zh_han", "zh-Han"): text for name, text in wished.items()}


def renamed(code: str, wished: Mapping[str, str | None], *, now: datetime) -> dict[str, Any]:
    """Call a segment otherwise in some languages, audited; None gives back the product's name.

    Returns how it is `told` now. Raises `SegmentNotFound`.
    """
    before = told(code)["labels"]
    gone = [language for language, name in wished.items() if name is None]
    db.session.execute(
        delete(SegmentLabel).where(SegmentLabel.code == code, SegmentLabel.locale.in_(gone))
    )
    rows = [
        {"code": code, "locale": language, "name": name, "updated_at": now}
        for language, name in wished.items()
        if name is not None
    ]
    if rows:
        given = insert(SegmentLabel).values(rows)
        kept = {"name": given.excluded.name, "updated_at": given.excluded.updated_at}
        key = ["code", "locale"]
        db.session.execute(given.on_conflict_do_update(index_elements=key, set_=kept))
    found = told(code)
    if found["labels"] != before:
        after = found["labels"]
        audit.record("segment.rename", "segment", code, now=now, before=before, after=after)
    return found
