"""How a filter's tree becomes one SELECT of members. Text only: values are bound, nothing is asked.

`not` is carried down to the conditions, where a missing value counts as "does not meet". Where all
must hold, fields with one value a member are joined once each, and sets of members are semi-joins
or anti-joins, so that the planner is free to begin with what fits fewest. Where any may hold, each
part is a set of members of its own, and their union is such a set: an OR over several tables would
be tried member by member.
"""

from collections.abc import Sequence
from typing import NamedTuple

from crm.segments.audiences import predicates
from crm.segments.audiences.binding import Values
from crm.segments.audiences.parsing import Condition, Group, Node

MEMBERS = "SELECT m.id AS member_id FROM member m"
AMONG = "m.id IN (SELECT x.member_id FROM ({select}) x)"
NOT_AMONG = "NOT EXISTS (SELECT FROM ({select}) x WHERE x.member_id = m.id)"
APART = "SELECT {alias}.member_id"
HAS_ROW = "({r}.member_id IS NOT NULL)"


class Relation(NamedTuple):
    """A SELECT beside `member`: of all, by `member_id`, or `by_member` of the one that is `m`."""

    sql: str
    by_member: bool


class Select:
    """One SELECT of members, whose conditions must all hold. `by_member`: what can be looked up for
    each whom the others leave, is."""

    def __init__(self, values: Values, by_member: bool = False) -> None:
        self.values, self.by_member = values, by_member
        self.aliases: dict[Relation, str] = {}
        self.needed: set[str] = set()  # aliases without whose row the conditions do not hold

    def of(self, node: Node, *, negated: bool = False) -> str:
        """The statement for a tree, or for all that it does not fit."""
        where = self.node(node, negated)
        joins = [self.joined(relation, alias) for relation, alias in self.aliases.items()]
        return "\n".join([MEMBERS, *joins, f"WHERE {where}"])

    def joined(self, relation: Relation, alias: str) -> str:
        """The join of a relation. Where its row is needed the planner may begin with it."""
        how = "JOIN" if alias in self.needed else "LEFT JOIN"
        if relation.by_member:
            return f"{how} LATERAL ({relation.sql}) {alias} ON true"
        return f"{how} ({relation.sql}) {alias} ON {alias}.member_id = m.id"

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
        return AMONG.format(select=" UNION ".join(arms))

    def arm(self, part: Node, negated: bool) -> str:
        """The members of one part, without a look at `member` where another table says it all."""
        while isinstance(part, Group) and len(part.parts) == 1:
            negated = negated != (part.how == "not")
            part = part.parts[0]
        inner = Select(self.values)
        if isinstance(part, Condition) and part.field.is_many:
            select_, outside = inner.among(part)
            if negated == outside:
                return select_
        elif isinstance(part, Condition) and not negated and _is_apart(part):
            where = inner.one(part, negated)
            ((relation, alias),) = inner.aliases.items()
            return f"{APART.format(alias=alias)} FROM ({relation.sql}) {alias} WHERE {where}"
        return inner.of(part, negated=negated)

    def one(self, node: Condition, negated: bool) -> str:
        """A field with one value a member."""
        field, op, value = node.field, node.op, node.value
        bind, scope = self.values.bind, self.values.scope
        if field.predicate is not None:
            found = field.predicate(bind, scope, op, value)
            return f"({found}) IS NOT TRUE" if negated else f"({found})"
        column = self.column(node, is_needed=not negated and _needs_row(node))
        if field.prepare is not None:
            op, value = field.prepare(scope, op, value)
        if field.default is not None and (
            negated or op == "ne" or predicates.holds_for_default(field, op, value)
        ):
            column = f"coalesce({column}, {bind(field.default)})"
        found = predicates.compare(column, field, op, value, bind, scope)
        return f"({found}) IS NOT TRUE" if negated else f"({found})"

    def column(self, node: Condition, *, is_needed: bool) -> str:
        """What is compared, with its relation joined, which has at most one row a member."""
        field = node.field
        relation = field.windowed if node.within is not None and field.windowed else field.relation
        by_member = self.by_member and _has_lookup(node)
        said = field.lookup if by_member else relation
        marks = self.values.marks(field, field.sql, said)
        if said:
            filled = said.format(**marks, within=self.values.within(node))
            marks["r"] = self.alias(Relation(filled, by_member), is_needed)
        return field.sql.format(**marks)

    def alias(self, relation: Relation, is_needed: bool) -> str:
        """The alias of a relation, which is joined once."""
        if relation not in self.aliases:
            self.aliases[relation] = self.values.alias()
        if is_needed:
            self.needed.add(self.aliases[relation])
        return self.aliases[relation]

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
    """Whether a table beside `member` says it all."""
    return "m." not in node.field.sql and _needs_row(node)


def _needs_row(node: Condition) -> bool:
    """Whether who has no row in the field's relation does not meet the condition."""
    field = node.field
    if not field.relation or field.predicate is not None:
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


def _has_lookup(node: Condition) -> bool:
    """Whether the field can be looked up for one member: with days, if it has a window at all."""
    field = node.field
    return bool(field.lookup) and (node.within is not None or not field.window)
