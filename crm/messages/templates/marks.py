"""Liquid, read: a source becomes literal text with marks in it, and the meaning of each mark.

python-liquid parses, by a dialect that knows output and `if`; it never renders. What else the
source holds is a mistake with a code and a line.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from liquid import Environment
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode, Literal
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.if_tag import IfNode, IfTag
from liquid.exceptions import BlockNestingError, LiquidError
from liquid.expression import Expression
from liquid.mode import Mode
from liquid.token import Token

from crm.errors import N_
from crm.http.fields import Said
from crm.messages.templates import conditions, fields, filters, guard
from crm.messages.templates.showing import Scene

DEEPEST = 8
MOST_MISTAKES = 20

SYNTAX = N_("Line {line}: this is not Liquid as templates take it: {reason}.")
TOO_DEEP = N_("Line {line}: conditions are nested more than {most} deep.")
UNKNOWN_FIELD = N_("Line {line}: there is no field {field}.")
NOT_A_FIELD = N_("Line {line}: only fields can be output.")


class Mistakes(Exception):
    """What is wrong with a source, each with its code, sentence and facts."""

    def __init__(self, *said: Said) -> None:
        super().__init__([one.code for one in said])
        self.said = said


@dataclass(frozen=True, slots=True)
class Mark:
    """An output (`field`, `fallback`, `changes`), or the begin, turn or end of a condition.

    `kind`: out, if, elsif, else, endif; or put, which the author did not write (`put`). `group`
    ties the marks of one condition together.
    """

    kind: str
    line: int
    output: filters.Filtered | None = None
    test: Callable[[Scene], bool] | None = None
    group: int = 0
    put: Callable[[Scene], str] | None = None


@dataclass(slots=True)
class Marked:
    """A source read: text in which `pattern` finds the place of each mark by its number."""

    text: str
    marks: list[Mark]
    pattern: re.Pattern[str]
    names: dict[str, fields.Field] = field(default_factory=dict)
    form: str = ""

    def place_for(self, put: Callable[[Scene], str]) -> str:
        """A new mark, to stand in the text where `put` shall write for each member."""
        self.marks.append(Mark("put", 0, put=put))
        return self.form.format(len(self.marks) - 1)


class _If(IfTag):
    mode = Mode.STRICT  # nothing superfluous is skipped


class _Dialect(Environment):
    """Output and `if`. There are no loops, hence no loop limits; nothing is ever rendered here."""

    block_nesting_limit = DEEPEST
    loop_iteration_limit = 0
    local_namespace_limit = 0

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in (Literal, Output, Illegal, _If):
            self.add_tag(tag)
        for name in filters.NAMES:
            self.add_filter(name, str)


DIALECT = _Dialect()


def read(source: str) -> Marked:
    """A source in the dialect. Raises `Mistakes`."""
    said = guard.mistake(source)
    if said is not None:
        raise Mistakes(said)
    try:
        nodes = DIALECT.from_string(source).nodes
    except LiquidError as error:
        raise Mistakes(_said(error, source)) from None
    reader = _Reader(source)
    text = "".join(reader.walk(nodes))
    if reader.mistakes:
        raise Mistakes(*reader.mistakes[:MOST_MISTAKES])
    pattern = re.compile(f"zq{reader.nonce}x(\\d+)qz")
    return Marked(text, reader.marks, pattern, reader.names, f"zq{reader.nonce}x{{}}qz")


def _said(error: LiquidError, source: str) -> Said:
    line, reason = line_of(source, error.token), str(error.message or "it can't be read")[:120]
    if isinstance(error, BlockNestingError):
        return Said("nested_too_deep", TOO_DEEP, line=line, most=DEEPEST)
    return Said("liquid_syntax", SYNTAX, line=line, reason=reason)


def line_of(source: str, token: Token | None) -> int:
    """The line on which a token stands, from 1; the last where the source ends too soon."""
    if token is None:
        return 1
    end = token.start_index if token.start_index >= 0 else len(source)
    return source.count("\n", 0, end) + 1


class _Reader:
    """Walks the parsed nodes, checks every name, and leaves a mark in the text for each."""

    def __init__(self, source: str) -> None:
        self.source = source
        # A source can't hold its own digest, so that nothing written by hand is taken for a mark.
        self.nonce = sha256(source.encode()).hexdigest()[:20]
        self.marks: list[Mark] = []
        self.mistakes: list[Said] = []
        self.names: dict[str, fields.Field] = {}
        self.groups = 0

    def walk(self, nodes: Sequence[Node]) -> Iterator[str]:
        """The text of the nodes with marks for what is not literal."""
        for node in nodes:
            if isinstance(node, ContentNode):
                yield node.text
            elif isinstance(node, OutputNode):
                yield self._output(node)
            elif isinstance(node, IfNode):
                yield from self._if(node)
            else:
                raise AssertionError(node)  # the guard lets no other tag through

    def _output(self, node: OutputNode) -> str:
        expression, line = node.expression, line_of(self.source, node.token)
        if not isinstance(expression, FilteredExpression) or not isinstance(expression.left, Path):
            self.mistakes.append(Said("not_a_field", NOT_A_FIELD, line=line))
            return ""
        found = self._field(expression.left)
        try:
            made = filters.filtered(found, expression.filters or (), line) if found else None
        except filters.BadFilter as bad:
            self.mistakes.append(bad.said)
            made = None
        return self._mark(Mark("out", line, output=made))

    def _if(self, node: IfNode) -> Iterator[str]:
        self.groups += 1
        group = self.groups
        branches: list[tuple[str, Token, Expression, BlockNode]] = [
            ("if", node.token, node.condition, node.consequence)
        ]
        branches += [("elsif", one.token, one.expression, one.block) for one in node.alternatives]
        for kind, token, expression, block in branches:
            line = line_of(self.source, token)
            test = self._test(expression, line)
            yield self._mark(Mark(kind, line, test=test, group=group))
            yield from self.walk(block.nodes)
        if node.default:
            line = line_of(self.source, node.default.token)
            yield self._mark(Mark("else", line, group=group))
            yield from self.walk(node.default.nodes)
        yield self._mark(Mark("endif", line_of(self.source, node.token), group=group))

    def _test(self, expression: Expression, line: int) -> Callable[[Scene], bool] | None:
        try:
            return conditions.test(expression, self._field)
        except conditions.NotSimple as bad:
            said = Said("liquid_syntax", SYNTAX, line=line, reason=str(bad))
            self.mistakes.append(said)
            return None

    def _field(self, path: Path) -> fields.Field | None:
        found = fields.find(tuple(path.path))
        if found is None:
            facts = {"line": line_of(self.source, path.token), "field": str(path)[:80]}
            self.mistakes.append(Said("unknown_template_field", UNKNOWN_FIELD, **facts))
            return None
        self.names[found.name] = found
        return found

    def _mark(self, mark: Mark) -> str:
        self.marks.append(mark)
        return f"zq{self.nonce}x{len(self.marks) - 1}qz"


__all__ = ["DIALECT", "Mark", "Marked", "Mistakes", "line_of", "read"]
