"""A filter as one SQL statement that gives member ids, with every value bound.

Groups become AND and OR; `not` is carried down to the conditions, where a missing value counts as
"does not meet". Fields with one value a member are LEFT JOINed once each; a set of members is a
semi-join or an anti-join where all must hold, else it is joined as well. So no part of a statement
is ever run member by member, whatever the groups look like, and the planner is free to begin with
what fits fewest.

    found = compiling.select(filter, now)
    db.session.execute(text(f"INSERT INTO … SELECT member_id FROM ({found.sql}) a"), found.params)
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
DISTINCT = "SELECT DISTINCT d.member_id FROM ({select}) d"
LISTED = """
    SELECT l.member_id FROM audience_member l WHERE l.audience_id = {id}
    UNION ALL
    SELECT x.merged_into FROM member x JOIN audience_member l ON l.member_id = x.id
    WHERE x.merged_into IS NOT NULL AND l.audience_id = {id}
"""


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
    builder = _Builder(scope, prefix, references.Loader())
    where = builder.node(tree, negated=False, alone=True)
    joins = "\n".join(builder.joins)
    sql = f"{MEMBERS}\n{joins}\nWHERE m.status = 'active' AND {where}"
    return Selection(sql, builder.params)


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


@dataclass
class _Builder:
    scope: Scope
    prefix: str
    loader: references.Loader

    def __post_init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.joins: list[str] = []
        self._names: dict[tuple[type, str], str] = {}
        self._aliases: dict[str, str] = {}

    def bind(self, value: Any) -> str:
        """The mark of a bound value; equal values share one, so that equal SQL is joined once."""
        key = (type(value), repr(value))
        if key not in self._names:
            self._names[key] = f"{self.prefix}{len(self.params)}"
            self.params[self._names[key]] = value
        return f":{self._names[key]}"

    def join(self, select_: str) -> str:
        """The alias of a relation with at most one row a member."""
        if select_ not in self._aliases:
            alias = f"r{len(self._aliases)}"
            self._aliases[select_] = alias
            self.joins.append(f"LEFT JOIN ({select_}) {alias} ON {alias}.member_id = m.id")
        return self._aliases[select_]

    def node(self, node: Node, *, negated: bool, alone: bool) -> str:
        """The condition of a part. `alone`: all around it must hold, up to the WHERE."""
        if isinstance(node, Condition):
            return self.condition(node, negated, alone)
        if node.how == "not":
            return self.node(node.parts[0], negated=not negated, alone=alone)
        all_ = (node.how == "all") != negated
        if not node.parts:
            return "true" if all_ else "false"
        single = len(node.parts) == 1
        parts = [
            self.node(part, negated=negated, alone=alone and (all_ or single))
            for part in node.parts
        ]
        return "(" + (" AND " if all_ else " OR ").join(parts) + ")"

    def condition(self, node: Condition, negated: bool, alone: bool) -> str:
        if node.field.kind.name == "reference":
            return self.reference(node, negated, alone)
        if node.field.is_many:
            return self.many(node, negated, alone)
        return self.one(node, negated)

    def one(self, node: Condition, negated: bool) -> str:
        field, op, value = node.field, node.op, node.value
        if field.predicate is not None:
            found = field.predicate(self.bind, self.scope, op, value)
            return f"({found}) IS NOT TRUE" if negated else f"({found})"
        column = self.column(node)
        if field.prepare is not None:
            op, value = field.prepare(self.scope, op, value)
        if field.default is not None and (
            negated or op == "ne" or predicates.holds_for_default(field, op, value)
        ):
            column = f"coalesce({column}, {self.bind(field.default)})"
        found = predicates.compare(column, field, op, value, self.bind, self.scope)
        return f"({found}) IS NOT TRUE" if negated else f"({found})"

    def column(self, node: Condition) -> str:
        field = node.field
        marks = self.marks(field)
        relation = field.windowed if node.within is not None and field.windowed else field.relation
        if relation:
            marks["r"] = self.join(relation.format(**marks, within=self.within(node)))
        return field.sql.format(**marks)

    def many(self, node: Condition, negated: bool, alone: bool) -> str:
        field, op, value = node.field, node.op, node.value
        if op == "exists" and not value:
            negated = not negated
        if field.prepare is not None:
            op, value = field.prepare(self.scope, op, value)
        match = {
            "exists": lambda: f"{field.column} IS NOT NULL",
            "has": lambda: f"{field.column} = {self.bind(value)}",
            "in": lambda: f"{field.column} = ANY({self.bind(value)})",
        }[op]()
        marks = self.marks(field)
        return self.members(
            field.sql.format(**marks, match=match, within=self.within(node)), negated, alone
        )

    def members(self, select_: str, negated: bool, alone: bool) -> str:
        """Whether the member is among those of a SELECT of member_id."""
        if not alone:
            alias = self.join(DISTINCT.format(select=select_))
            return f"{alias}.member_id IS {'' if negated else 'NOT '}NULL"
        if negated:
            return NOT_AMONG.format(select=select_)
        return AMONG.format(select=select_)

    def reference(self, node: Condition, negated: bool, alone: bool) -> str:
        ids = node.value if isinstance(node.value, list) else [node.value]
        parts = [self.referred(one, negated, alone and (negated or len(ids) == 1)) for one in ids]
        return "(" + (" AND " if negated else " OR ").join(parts) + ")"

    def referred(self, audience_id: UUID, negated: bool, alone: bool) -> str:
        with self.loader.entered(audience_id) as tree:
            if tree is None:
                return self.members(LISTED.format(id=self.bind(audience_id)), negated, alone)
            return self.node(tree, negated=negated, alone=alone)

    def marks(self, field: Field) -> dict[str, str]:
        """What stands for the marks that the field's SQL has."""
        said = field.sql + field.relation + field.windowed
        values = {"now": self.scope.now, "today": self.scope.today, "zone": self.scope.zone.key}
        found = {name: self.bind(value) for name, value in values.items() if f"{{{name}}}" in said}
        if field.rest:
            found["rest"] = self.bind(field.rest)
        return found

    def within(self, node: Condition) -> str:
        if node.within is None:
            return ""
        field = node.field
        return "AND " + predicates.within(field.at, node.within, field.ahead, self.bind, self.scope)
