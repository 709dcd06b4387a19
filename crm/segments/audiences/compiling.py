"""A filter as one SQL statement that gives member ids, with every value bound.

`not` is carried down to the conditions, where a missing value counts as "does not meet". Where all
must hold, fields with one value a member are joined once each, and sets of members are semi-joins
or anti-joins, so that the planner is free to begin with what fits fewest. Where any may hold, each
part is a set of members of its own, and their union is such a set: an OR over several tables would
be tried member by member.

    found = compiling.select(filter, now)
    db.session.execute(text(f"INSERT INTO … SELECT member_id FROM ({found.sql}) a"), found.params)
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause

from crm.points import programme
from crm.segments.audiences import parsing, predicates, references
from crm.segments.audiences.field import Field, Scope
from crm.segments.audiences.parsing import Condition, Group, Node

MEMBERS = "SELECT m.id AS member_id FROM member m"
AMONG = "m.id IN (SELECT x.member_id FROM ({select}) x)"
NOT_AMONG = "NOT EXISTS (SELECT FROM ({select}) x WHERE x.member_id = m.id)"
APART = "SELECT {alias}.member_id"
HAS_ROW = "({r}.member_id IS NOT NULL)"
CROWD = 3  # conditions beside each other from which on looking up what is left pays


class Selection(NamedTuple):
    """`sql`: a SELECT of `member_id`, each active member once at most; it may stand in brackets
    anywhere. `params`: its bound values, whose names all begin with the prefix asked for."""

    sql: str
    params: dict[str, Any]

    def statement(self, around: str = "{}") -> TextClause:
        """An executable statement; `around` may wrap the SELECT, at its `{}`."""
        return text(around.replace("{}", self.sql, 1))


def select(filter: Mapping[str, Any] | Node, now: datetime, *, prefix: str = "f") -> Selection:
    """The members that a filter fits at `now`. Merged and erased records are in none.

    `filter`: JSON as people send it, or a tree read before. `prefix` keeps names of bound values
    apart where several selections stand in one statement. Raises `Invalid`, `AudienceNotFound`.
    """
    tree = filter if isinstance(filter, Condition | Group) else parsing.read(filter)
    scope = Scope(now, programme.current(now).zone)
    values = _Values(scope, prefix)
    found = _Select(values).of(references.expanded(tree, references.Loader()))
    return Selection(f"{found} AND m.status = 'active'", values.params)


def audience(
    audience_id: UUID, now: datetime, *, exclude: tuple[UUID, ...] = (), prefix: str = "f"
) -> Selection:
    """The members of a saved audience, without those of the excluded ones, at `now`.

    Raises `AudienceNotFound`.
    """
    wanted: dict[str, Any] = {"field": "audience", "op": "eq", "value": str(audience_id)}
    if exclude:
        ids = [str(one) for one in exclude]
        without = {"not": {"field": "audience", "op": "in", "value": ids}}
        wanted = {"all": [wanted, without]}
    return select(wanted, now, prefix=prefix)


class _Values:
    """Bound values and names of aliases, shared by all parts of one statement."""

    def __init__(self, scope: Scope, prefix: str) -> None:
        self.scope, self.prefix = scope, prefix
        self.params: dict[str, Any] = {}
        self.aliases = 0
        self._names: dict[tuple[type, str], str] = {}

    def bind(self, value: Any) -> str:
        """The mark of a bound value; equal values share one, so that equal SQL is joined once."""
        key = (type(value), repr(value))
        if key not in self._names:
            self._names[key] = f"{self.prefix}{len(self.params)}"
            self.params[self._names[key]] = value
        return f":{self._names[key]}"

    def alias(self) -> str:
        """A new name for a relation."""
        self.aliases += 1
        return f"r{self.aliases}"

    def marks(self, field: Field, *said: str) -> dict[str, str]:
        """What stands for the marks that SQL of the field has."""
        scope, text_ = self.scope, "".join(said)
        values = {"now": scope.now, "today": scope.today, "zone": scope.zone.key}
        found = {name: self.bind(value) for name, value in values.items() if f"{{{name}}}" in text_}
        if field.rest:
            found["rest"] = self.bind(field.rest)
        return found

    def within(self, node: Condition) -> str:
        """The window of a condition, as one more part of a WHERE."""
        if node.within is None:
            return ""
        at, ahead = node.field.at, node.field.ahead
        return "AND " + predicates.within(at, node.within, ahead, self.bind, self.scope)


class _Select:
    """One SELECT of members, whose conditions must all hold."""

    def __init__(self, values: _Values) -> None:
        self.values = values
        self.joins: list[str] = []
        self.crowded = False
        self.aliases: dict[str, str] = {}

    def of(self, node: Node, *, negated: bool = False) -> str:
        """The statement for a tree, or for all that it does not fit."""
        self.crowded = _beside(node, negated) >= CROWD
        where = self.node(node, negated)
        return "\n".join([MEMBERS, *self.joins, f"WHERE {where}"])

    def node(self, node: Node, negated: bool) -> str:
        """The condition of a part; `not` is carried down."""
        if isinstance(node, Condition):
            return self.many(node, negated) if node.field.is_many else self.one(node, negated)
        if node.how == "not":
            return self.node(node.parts[0], not negated)
        if not node.parts:
            return "true" if (node.how == "all") != negated else "false"
        if (node.how == "all") != negated or len(node.parts) == 1:
            return "(" + " AND ".join(self.node(part, negated) for part in node.parts) + ")"
        return self.either(node.parts, negated)

    def either(self, parts: Sequence[Node], negated: bool) -> str:
        """At least one of the parts: together where all stand in the member's row, else a set of
        members each."""
        plain = [part for part in parts if _is_plain(part)]
        written = [self.node(part, negated) for part in plain]
        if len(plain) == len(parts):
            return "(" + " OR ".join(written) + ")"
        arms = [self.arm(part, negated) for part in parts if not _is_plain(part)]
        if plain:
            arms.append(f"{MEMBERS} WHERE {' OR '.join(written)}")
        return AMONG.format(select=" UNION ALL ".join(arms))

    def arm(self, part: Node, negated: bool) -> str:
        """The members of one part, without a look at `member` where another table says it all."""
        while isinstance(part, Group) and len(part.parts) == 1:
            negated = negated != (part.how == "not")
            part = part.parts[0]
        inner = _Select(self.values)
        if isinstance(part, Condition) and part.field.is_many:
            select_, outside = inner.among(part)
            if negated == outside:
                return select_
        elif isinstance(part, Condition) and not negated and _is_apart(part):
            where = inner.one(part, negated)
            ((select_, alias),) = inner.aliases.items()
            return f"{APART.format(alias=alias)} FROM ({select_}) {alias} WHERE {where}"
        return inner.of(part, negated=negated)

    def one(self, node: Condition, negated: bool) -> str:
        """A field with one value a member."""
        field, op, value = node.field, node.op, node.value
        bind, scope = self.values.bind, self.values.scope
        if field.predicate is not None:
            found = field.predicate(bind, scope, op, value)
            return f"({found}) IS NOT TRUE" if negated else f"({found})"
        column = self.column(node)
        if field.prepare is not None:
            op, value = field.prepare(scope, op, value)
        if field.default is not None and (
            negated or op == "ne" or predicates.holds_for_default(field, op, value)
        ):
            column = f"coalesce({column}, {bind(field.default)})"
        found = predicates.compare(column, field, op, value, bind, scope)
        return f"({found}) IS NOT TRUE" if negated else f"({found})"

    def column(self, node: Condition) -> str:
        """What is compared, with its relation joined."""
        field = node.field
        relation = field.windowed if node.within is not None and field.windowed else field.relation
        by_member = self.crowded and bool(field.lookup)
        said = field.lookup if by_member else relation
        marks = self.values.marks(field, field.sql, said)
        if said:
            filled = said.format(**marks, within=self.values.within(node))
            marks["r"] = self.join(filled, by_member)
        return field.sql.format(**marks)

    def join(self, select_: str, by_member: bool) -> str:
        """The alias of a relation with at most one row a member."""
        if select_ not in self.aliases:
            alias = self.aliases[select_] = self.values.alias()
            lateral, on = ("LATERAL ", "true") if by_member else ("", f"{alias}.member_id = m.id")
            self.joins.append(f"LEFT JOIN {lateral}({select_}) {alias} ON {on}")
        return self.aliases[select_]

    def many(self, node: Condition, negated: bool) -> str:
        """A field with any number of values a member."""
        select_, outside = self.among(node)
        return (NOT_AMONG if negated != outside else AMONG).format(select=select_)

    def among(self, node: Condition) -> tuple[str, bool]:
        """A SELECT of member_id, and whether the condition means those who are not in it."""
        field, op, value = node.field, node.op, node.value
        outside = op == "exists" and not value
        if field.prepare is not None:
            op, value = field.prepare(self.values.scope, op, value)
        match = {
            "exists": lambda: f"{field.column} IS NOT NULL",
            "has": lambda: f"{field.column} = {self.values.bind(value)}",
            "in": lambda: f"{field.column} = ANY({self.values.bind(value)})",
        }[op]()
        marks = self.values.marks(field, field.sql)
        filled = field.sql.format(**marks, match=match, within=self.values.within(node))
        return filled, outside


def _is_apart(node: Condition) -> bool:
    """Whether a table beside `member` says it all, and who has no row there does not meet it."""
    field = node.field
    if not field.relation or field.predicate is not None or "m." in field.sql:
        return False
    if field.kind.name == "flag":
        return field.sql == HAS_ROW and node.value == (node.op == "eq")
    if node.op in ("ne", "exists") or field.prepare is not None:
        return False
    return field.default is None or not predicates.holds_for_default(field, node.op, node.value)


def _is_plain(node: Node) -> bool:
    """Whether the member's own row says it all."""
    if isinstance(node, Group):
        return all(_is_plain(part) for part in node.parts)
    return not node.field.is_many and not node.field.relation


def _beside(node: Node, negated: bool = False) -> int:
    """How many conditions must hold together."""
    if isinstance(node, Condition):
        return 1
    if node.how == "not":
        return _beside(node.parts[0], not negated)
    if (node.how == "all") != negated:
        return sum(_beside(part, negated) for part in node.parts)
    return 1
