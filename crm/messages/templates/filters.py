"""Filters of the dialect. Each is written here: none of Liquid's own code runs for a member."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from liquid.builtin.expressions.arguments import PositionalArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.primitive import IntegerLiteral, StringLiteral

from crm.errors import N_
from crm.http.fields import Said
from crm.messages.templates.fields import Field, Kind
from crm.messages.templates.showing import LONGEST, SHOW, STYLES, Show, day_in

MOST = 5
UNKNOWN = N_("Line {line}: there is no filter {filter}. There are: {filters}.")
BAD = N_("Line {line}: the filter {filter} takes {takes}.")
ONE_TEXT = N_("one text in quotation marks")
A_LENGTH = N_("a length from 1 to 500")
A_STYLE = N_("one of the words short, medium, long, full, for fields that hold a day")
NOTHING = N_("nothing")
AT_MOST = N_("no place here: at most five filters follow a field")


class BadFilter(Exception):
    """A filter that is not known, or was given what it does not take."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.code)
        self.said = said


@dataclass(frozen=True, slots=True)
class Filtered:
    """A field as it is output: how it is shown, what stands for an empty one, what is done then."""

    field: Field
    show: Show
    fallback: str | None = None
    changes: tuple[Callable[[str], str], ...] = ()


CHANGES: MappingProxyType[str, Callable[[str], str]] = MappingProxyType(
    {
        "upcase": str.upper,
        "downcase": str.lower,
        "capitalize": lambda text: text[:1].upper() + text[1:],
        "strip": str.strip,
        "url_encode": lambda text: quote(text, safe=""),
    }
)
NAMES = ("default", "truncate", "date", *CHANGES)


def filtered(field: Field, chain: Sequence[Filter], line: int) -> Filtered:
    """A field with its filters. Raises `BadFilter`."""
    show, fallback, changes = SHOW[field.kind], None, []
    if len(chain) > MOST:
        raise _bad(line, chain[MOST].name, AT_MOST)
    for one in chain:
        values = [_literal(argument) for argument in one.args]
        if one.name == "default":
            if len(values) != 1 or not isinstance(values[0], str) or not values[0]:
                raise _bad(line, one.name, ONE_TEXT)
            fallback = values[0][:LONGEST]
        elif one.name == "truncate":
            if len(values) != 1 or type(values[0]) is not int or not 1 <= values[0] <= 500:
                raise _bad(line, one.name, A_LENGTH)
            changes.append(_shortened(values[0]))
        elif one.name == "date":
            if len(values) != 1 or values[0] not in STYLES or field.kind != Kind.DAY:
                raise _bad(line, one.name, A_STYLE)
            show = day_in(values[0])
        elif one.name in CHANGES:
            if values:
                raise _bad(line, one.name, NOTHING)
            changes.append(CHANGES[one.name])
        else:
            known = ", ".join(sorted(NAMES))
            facts = {"line": line, "filter": one.name[:40], "filters": known}
            raise BadFilter(Said("unknown_filter", UNKNOWN, **facts))
    return Filtered(field, show, fallback, tuple(changes))


def _literal(argument: object) -> Any:
    value = argument.value if isinstance(argument, PositionalArgument) else None
    return value.value if isinstance(value, (StringLiteral, IntegerLiteral)) else None


def _bad(line: int, name: str, takes: str) -> BadFilter:
    return BadFilter(Said("bad_filter", BAD, line=line, filter=name[:40], takes=takes))


def _shortened(length: int) -> Callable[[str], str]:
    def shorten(text: str) -> str:
        return text if len(text) <= length else text[: length - 1] + "…"

    return shorten
