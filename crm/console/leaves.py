"""The values of a schema's documents, one by one: what a form has fields for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import marshmallow as ma

from crm.http import fields

WHOLE, MONEY, FLAG, MAYBE, CHOICE = "whole", "money", "flag", "maybe", "choice"
INSTANT, NUMBERS, LINES, TEXT = "instant", "numbers", "lines", "text"


@dataclass(frozen=True)
class Leaf:
    """One value of a document: where it stands, and the field of the schema that judges it."""

    pointer: str
    field: ma.fields.Field

    @property
    def kind(self) -> str:
        """How it is written in a form."""
        one = self.field
        if isinstance(one, fields.Items):
            return NUMBERS if isinstance(one.inner, fields.Whole) else LINES
        if isinstance(one, fields.Flag):
            return MAYBE if one.allow_none else FLAG
        if isinstance(one, fields.Whole):
            return MONEY if one.high == fields.MINOR_LIMIT else WHOLE
        if isinstance(one, fields.Choice):
            return CHOICE
        return INSTANT if isinstance(one, fields.Instant) else TEXT


@dataclass(frozen=True)
class Manner:
    """How amounts and times are written: the programme's currency and clock."""

    currency: str
    zone: tzinfo


def leaves(schema: type[ma.Schema], at: str = "", *, skip: Iterable[str] = ()) -> Iterator[Leaf]:
    """The values that documents of this schema hold, but for the names in `skip`.

    Lists of objects are left out: who has one in a form knows how it is drawn.
    """
    for name, one in schema().load_fields.items():
        pointer = f"{at}/{one.data_key or name}"
        if name in skip:
            continue
        if isinstance(one, fields.Nested):
            yield from leaves(type(one.schema), pointer)
        elif not (isinstance(one, fields.Items) and isinstance(one.inner, fields.Nested)):
            yield Leaf(pointer, one)


def look_up(document: Mapping[str, Any], pointer: str) -> Any:
    """The value at a pointer; None where there is nothing."""
    found: Any = document
    for step in pointer.split("/")[1:]:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
