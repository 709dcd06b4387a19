"""What a template's version says, made ready once and filled in per member.

A text is cut at its holes (`{{ … }}`, `{% if %}`): what stands between them never changes, so a
channel may encode it once for all members. A hole that several parts share is filled once.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Any
from uuid import UUID

from liquid import Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.filtered import FilteredExpression
from liquid.builtin.expressions.path import Path
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string
from liquid.undefined import StrictDefaultUndefined
from markupsafe import escape
from sqlalchemy import text

from crm.db import db

logger = logging.getLogger(__name__)

Values = Mapping[str, Any]
Hole = Callable[[Values], str]
PARTS = ("subject", "text", "html")
MOST_KEPT = 256  # versions that one process keeps ready


class CannotSay(Exception):
    """A version can't be filled in for a member: a value is missing, or its Liquid is broken."""


class Limited(Environment):
    """Liquid that can't be made to eat a worker's time or memory."""

    context_depth_limit = 10
    loop_iteration_limit = 0
    local_namespace_limit = 0
    output_stream_limit = 500_000


PLAIN = Limited(undefined=StrictDefaultUndefined)
HTML = Limited(undefined=StrictDefaultUndefined, autoescape=True)


@dataclass(frozen=True, slots=True)
class Form:
    """A text with holes: `between[0]`, hole, `between[1]`, hole … `between[-1]`; the holes are
    numbers of `Language.holes`."""

    between: tuple[str, ...]
    holes: tuple[int, ...]

    def filled(self, values: Sequence[str]) -> str:
        """The text for one member, whose values `Language.fill` made."""
        if not self.holes:
            return self.between[0]
        parts = [self.between[0]]
        for hole, after in zip(self.holes, self.between[1:], strict=True):
            parts.append(values[hole])
            parts.append(after)
        return "".join(parts)


@dataclass(frozen=True)
class Language:
    """One language of a version: its parts (subject, text, html) as forms. Compared by identity,
    so that channels can keep what they made of it."""

    locale: str
    parts: Mapping[str, Form]
    holes: tuple[Hole, ...]

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def fill(self, values: Values) -> list[str]:
        """What goes into the holes for one member. Raises `CannotSay` for a value that is missing
        and has no default."""
        try:
            return [hole(values) for hole in self.holes]
        except LiquidError as error:
            raise CannotSay(str(error)) from error


Version = Mapping[str, Language]


def choose(version: Version, locale: str | None) -> Language:
    """The language for a member: his own, the other Chinese for a Chinese reader, English, any.

    Raises `CannotSay` for a version without any.
    """
    other = {"zh-Hans": "zh-Hant", "zh-Hant": "zh-Hans"}.get(locale or "")
    for wish in (locale, other, "en"):
        if wish in version:
            return version[wish]  # type: ignore[index]
    for found in version.values():
        return found
    raise CannotSay("it says nothing in any language")


_kept: dict[tuple[UUID, int], Version] = {}


def ready(wanted: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], Version]:
    """These versions, made ready; one statement for those that this process does not keep yet.

    A version whose Liquid is broken, which should never have been saved, says nothing.
    """
    keys = set(wanted)
    missing = keys - _kept.keys()
    if missing:
        if len(_kept) + len(missing) > MOST_KEPT:
            _kept.clear()
            missing = keys
        for key, languages in _stored(missing):
            try:
                _kept[key] = version(languages)
            except LiquidError as error:
                logger.error("template %s, version %s is broken: %s", *key, error)
                _kept[key] = {}
    return {key: _kept[key] for key in keys}


def _stored(keys: Iterable[tuple[UUID, int]]) -> list[tuple[tuple[UUID, int], dict[str, Any]]]:
    ids, numbers = zip(*keys, strict=True)
    rows = db.session.execute(
        text("""
            SELECT v.template_id, v.version, v.languages
            FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS integer[])) AS k (id, version)
            JOIN message_template_version v ON v.template_id = k.id AND v.version = k.version
        """),
        {"ids": list(ids), "numbers": list(numbers)},
    )
    return [((row.template_id, row.version), row.languages) for row in rows]


def version(languages: Mapping[str, Mapping[str, Any]]) -> Version:
    """Make the languages of a version ready, as they were saved."""
    return {locale: language(locale, parts) for locale, parts in languages.items()}


def language(locale: str, parts: Mapping[str, Any]) -> Language:
    """Make one language ready. Raises `liquid.exceptions.LiquidError` for bad Liquid."""
    holes: dict[tuple[str, bool], int] = {}
    made: list[Hole] = []
    forms = {}
    for name in PARTS:
        if parts.get(name) is None:
            continue
        is_html = name == "html"
        between, numbers = [""], []
        for node in _nodes(parts[name], is_html):
            if isinstance(node, ContentNode):
                between[-1] += node.text
                continue
            key = (str(node), is_html)
            if key not in holes:
                holes[key] = len(made)
                made.append(_hole(node, is_html))
            numbers.append(holes[key])
            between.append("")
        forms[name] = Form(tuple(between), tuple(numbers))
    return Language(locale, forms, tuple(made))


@lru_cache(maxsize=1024)
def _nodes(source: str, is_html: bool) -> Sequence[Node]:
    return tuple((HTML if is_html else PLAIN).from_string(source).nodes)


def _hole(node: Node, is_html: bool) -> Hole:
    """What fills one hole. Plain look-ups, with a default or without, need no render context:
    nearly all holes are such, and it is forty times faster."""
    quick = _quick(node)
    slow = _slow(node, is_html)
    if quick is None:
        return slow

    def fill(values: Values) -> str:
        found = quick(values)
        if type(found) is not str:
            return slow(values)
        return str(escape(found)) if is_html else found

    return fill


def _quick(node: Node) -> Callable[[Values], Any] | None:
    """A look-up of `a.b.c`, with a text as default where it is empty; None for anything else."""
    given = getattr(node, "expression", None)
    if not isinstance(node, OutputNode) or not isinstance(given, FilteredExpression):
        return None
    filters, left = given.filters or [], given.left
    if not isinstance(left, Path) or not all(type(one) is str for one in left.path):
        return None
    path, default = tuple(left.path), None
    if filters:
        arguments = filters[0].args or []
        literal = arguments[0].value if len(arguments) == 1 else None
        if len(filters) > 1 or filters[0].name != "default" or type(literal) is not StringLiteral:
            return None
        default = literal.value

    def look_up(values: Any) -> Any:
        for name in path:
            if type(values) is not dict or name not in values:
                return default
            values = values[name]
        return values or default if default is not None and type(values) is str else values

    return look_up


def _slow(node: Node, is_html: bool) -> Hole:
    environment = HTML if is_html else PLAIN
    template = environment.from_string("")

    def fill(values: Values) -> str:
        buffer = StringIO()
        node.render(RenderContext(template, globals=values), buffer)
        return to_liquid_string(buffer.getvalue(), autoescape=False)

    return fill
