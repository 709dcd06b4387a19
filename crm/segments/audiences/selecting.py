"""How a filter's tree becomes one SELECT of members. Text only: values are bound, nothing is asked.

`not` is carried down to the conditions, where a missing value counts as "does not meet". Where all
must hold, fields with one value a member are joined once each, and sets of members are semi-joins
or anti-joins, so that the planner is free to begin with what fits fewest. Where any may hold, each
part is a set of members of its own, and their union is such a set: an OR over several tables would
be tried member by member.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from crm.segments.audiences import predicates, tree
from crm.segments.audiences.binding import Values
from crm.segments.audiences.parsing import Condition, Group, Node

MEMBERS = "SELECT m.id AS member_id FROM member m"
# Who is asked for stands in a set of members already: `member` need not be read for everybody, as
# almost all are active.
OF_SET = """SELECT m.id AS member_id
FROM ({select}) {alias} CROSS JOIN LATERAL (SELECT {alias}.member_id AS id) m"""
ACTIVE = "m.status = 'active'"
NOT_INACTIVE = """m.id IS NOT NULL
AND NOT EXISTS (SELECT FROM member i WHERE i.id = m.id AND i.status <> 'active')"""
OWN_ROW = re.compile(r"\bm\.(?!id\b)")
AMONG = "m.id IN (SELECT x.member_id FROM ({select}) x)"
NOT_AMONG = "NOT EXISTS (SELECT FROM ({select}) x WHERE x.member_id = m.id)"
APART = "SELECT {alias}.member_id"


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

    def active(self, node: Node) -> str:
        """The statement for a whole tree: the active members whom it fits."""
        node, negated = tree.unwrapped(node, negated=False)
        if isinstance(node, Group) and tree.any_of(node, negated) and not tree.is_plain(node):
            base = OF_SET.format(select=self.union(node.parts, negated), alias="u")
            return f"{base}\nWHERE {NOT_INACTIVE}"
        where = self.node(node, negated)
        base = next((each for each in self.aliases if self.may_begin(each)), None)
        if base is None or OWN_ROW.search(where):
            return self.written(MEMBERS, list(self.aliases), where, ACTIVE)
        rest = [relation for relation in self.aliases if relation != base]
        first = OF_SET.format(select=base.sql, alias=self.aliases[base])
        return self.written(first, rest, where, NOT_INACTIVE)

    def may_begin(self, relation: Relation) -> bool:
        """Whether all whom the conditions fit have a row there."""
        return self.aliases[relation] in self.needed and not relation.by_member

    def of(self, node: Node, *, negated: bool = False) -> str:
        """The statement for a part, or for all that it does not fit; inactive ones included."""
        where = self.node(node, negated)
        return self.written(MEMBERS, list(self.aliases), where)

    def written(self, base: str, relations: Sequence[Relation], *conditions: str) -> str:
        """The statement in one piece."""
        joins = [self.joined(relation, self.aliases[relation]) for relation in relations]
        return "\n".join([base, *joins, "WHERE " + "\nAND ".join(conditions)])

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
        if not tree.any_of(node, negated) or len(node.parts) == 1:
            return "(" + " AND ".join(self.node(part, negated) for part in node.parts) + ")"
        return self.either(node.parts, negated)

    def either(self, parts: Sequence[Node], negated: bool) -> str:
        """At least one of the parts: together where all stand in the member's row, else a set of
        members each."""
        if all(tree.is_plain(part) for part in parts):
            return "(" + " OR ".join(self.node(part, negated) for part in parts) + ")"
        return AMONG.format(select=self.union(parts, negated))

    def union(self, parts: Sequence[Node], negated: bool) -> str:
        """The members of all parts, each once."""
        plain = [self.node(part, negated) for part in parts if tree.is_plain(part)]
        arms = [self.arm(part, negated) for part in parts if not tree.is_plain(part)]
        if plain:
            arms.append(f"{MEMBERS} WHERE {' OR '.join(plain)}")
        return " UNION ".join(f"({arm})" for arm in arms)

    def arm(self, part: Node, negated: bool) -> str:
        """The members of one part, without a look at `member` where another table says it all."""
        part, negated = tree.unwrapped(part, negated)
        inner = Select(self.values)
        if isinstance(part, Condition) and part.field.is_many:
            select_, outside = inner.among(part)
            if negated == outside:
                return select_
        elif isinstance(part, Condition) and not negated and tree.is_apart(part):
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
        column = self.column(node, is_needed=not negated and tree.needs_row(node))
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
        by_member = self.by_member and tree.has_lookup(node)
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
