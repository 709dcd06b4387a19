"""Forms over the schemas of the API: texts into a document, mistakes back beside their fields.

A form's fields are named by JSON pointers (`/pending/days`). What a document may hold is decided by
the schema alone; here only the writing of values is understood: amounts with a decimal point, local
times, lists with an entry on each line.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import get_currency_precision
from werkzeug.datastructures import MultiDict

from crm.console.leaves import (
    FLAG,
    INSTANT,
    LINES,
    MAYBE,
    MONEY,
    NUMBERS,
    WHOLE,
    Leaf,
    Manner,
    leaves,
    look_up,
)
from crm.http import fields

__all__ = [
    "Form",
    "Leaf",
    "Manner",
    "amount",
    "decimal",
    "instant",
    "leaves",
    "local",
    "look_up",
    "read",
    "typed",
    "values",
    "whole",
]

LONGEST = 200_000  # characters of one field


@dataclass
class Form:
    """What a form shows: the value of each field, what is wrong with it, what else is wrong."""

    values: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def holds(self, pointer: str, option: object) -> bool:
        """Whether `option` is chosen in a field."""
        value = self.values.get(pointer)
        return option in value if isinstance(value, list) else value == option


def read(
    known: Iterable[Leaf], given: MultiDict[str, str], manner: Manner, *, blank: str = "keep"
) -> dict[str, Any]:
    """The document that a form's texts say, for the schema to judge.

    A blank field is null where the schema takes that; else it is kept, for the schema to refuse.
    With blank="omit" it is left out, as are a box that is not ticked, an empty list, and an object
    of such alone.
    """
    document: dict[str, Any] = {}
    for leaf in known:
        value = _value(leaf, given, manner)
        if blank == "omit" and (value is False or value == []) and leaf.kind != MAYBE:
            continue
        if value is None and not (blank == "keep" and leaf.field.allow_none):
            if blank == "omit" or leaf.kind in (INSTANT, MAYBE):
                continue
            value = ""
        _put(document, leaf.pointer, value)
    return document


def _value(leaf: Leaf, given: MultiDict[str, str], manner: Manner) -> Any:
    """What one field says; None if it is blank. Texts that say nothing we know stay texts."""
    if leaf.kind == FLAG:
        return leaf.pointer in given
    if leaf.kind in (NUMBERS, LINES):
        lines = [line.strip() for text in given.getlist(leaf.pointer) for line in text.splitlines()]
        filled = [line for line in lines if line]
        return [whole(line) for line in filled] if leaf.kind == NUMBERS else filled
    text = given.get(leaf.pointer, "").strip()[:LONGEST]
    if not text:
        return None
    if leaf.kind == WHOLE:
        return whole(text)
    if leaf.kind == MONEY:
        return amount(text, manner.currency)
    if leaf.kind == MAYBE:
        return {"true": True, "false": False}.get(text, text)
    return instant(text, manner.zone) if leaf.kind == INSTANT else text


def whole(text: str) -> int | str:
    """A whole number of at most 18 digits; the text itself if it is none."""
    plain = text.replace(",", "").replace("−", "-")
    return int(plain) if re.fullmatch(r"-?\d{1,18}", plain, re.ASCII) else text


def amount(text: str, currency: str) -> int | str:
    """Minor units of an amount such as 1,234.50; the text itself if it is none."""
    try:
        minor = Decimal(text.replace(",", "")).scaleb(get_currency_precision(currency))
    except InvalidOperation:
        return text
    if not minor.is_finite() or abs(minor) > 10**15 or minor != minor.to_integral_value():
        return text
    return int(minor)


def instant(text: str, zone: tzinfo) -> str:
    """RFC 3339 of a local time such as 2026-12-01T00:00; the text itself if it is none."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return text
    at = local if local.tzinfo else local.replace(tzinfo=zone)
    try:
        return fields.instant_text(at.astimezone(UTC))
    except OverflowError:
        return text


def _put(document: dict[str, Any], pointer: str, value: Any) -> None:
    *path, name = pointer.split("/")[1:]
    for step in path:
        document = document.setdefault(step, {})
    document[name] = value


def values(known: Iterable[Leaf], document: Mapping[str, Any], manner: Manner) -> dict[str, Any]:
    """A document's values as a form writes them."""
    return {leaf.pointer: _written(leaf, look_up(document, leaf.pointer), manner) for leaf in known}


def _written(leaf: Leaf, value: Any, manner: Manner) -> Any:
    if leaf.kind == FLAG:
        return bool(value)
    if leaf.kind == NUMBERS:
        return [str(one) for one in value or ()]
    if leaf.kind == LINES:
        return list(value or ())
    if value is None:
        return ""
    if leaf.kind == MONEY:
        return decimal(value, manner.currency)
    if leaf.kind == MAYBE:
        return "true" if value else "false"
    return local(value, manner.zone) if leaf.kind == INSTANT else str(value)


def local(at: datetime, zone: tzinfo) -> str:
    """An instant as a field for local time holds it: seconds only where there are any."""
    text = at.astimezone(zone).replace(tzinfo=None)
    return text.isoformat(timespec="seconds" if text.second else "minutes")


def decimal(minor: int, currency: str) -> str:
    """1250 → 12.50, to be written in a field."""
    return str(Decimal(minor).scaleb(-get_currency_precision(currency)))


def typed(known: Iterable[Leaf], given: MultiDict[str, str]) -> dict[str, Any]:
    """What somebody typed, to be shown again as it was."""
    found: dict[str, Any] = {}
    for leaf in known:
        if leaf.kind == FLAG:
            found[leaf.pointer] = leaf.pointer in given
        elif leaf.kind in (NUMBERS, LINES):
            texts = given.getlist(leaf.pointer)
            found[leaf.pointer] = [line for text in texts for line in text.splitlines()]
        else:
            found[leaf.pointer] = given.get(leaf.pointer, "")
    return found
