"""What can be said of a part of a filter by looking at it."""

from crm.segments.audiences import predicates
from crm.segments.audiences.parsing import Condition, Group, Node

HAS_ROW = "({r}.member_id IS NOT NULL)"


def unwrapped(node: Node, negated: bool) -> tuple[Node, bool]:
    """What stands in groups of one part, and whether it is turned round."""
    while isinstance(node, Group) and len(node.parts) == 1:
        negated = negated != (node.how == "not")
        node = node.parts[0]
    return node, negated


def any_of(group: Group, negated: bool) -> bool:
    """Whether one of several parts is enough."""
    return group.how != "not" and (group.how == "all") == negated


def is_apart(node: Condition) -> bool:
    """Whether a table beside `member` says it all."""
    return "m." not in node.field.sql and needs_row(node)


def needs_row(node: Condition) -> bool:
    """Whether who has no row in the field's relation does not meet the condition."""
    field = node.field
    if not field.relation or field.predicate is not None:
        return False
    if field.kind.name == "flag":
        return field.sql == HAS_ROW and node.value == (node.op == "eq")
    if node.op in ("ne", "exists") or field.prepare is not None:
        return False
    return field.default is None or not predicates.holds_for_default(field, node.op, node.value)


def is_plain(node: Node) -> bool:
    """Whether the member's own row says it all."""
    if isinstance(node, Group):
        return all(is_plain(part) for part in node.parts)
    return not node.field.is_many and not node.field.relation


def has_lookup(node: Condition) -> bool:
    """Whether the field can be looked up for one member: with days, if it has a window at all."""
    field = node.field
    return bool(field.lookup) and (node.within is not None or not field.window)
