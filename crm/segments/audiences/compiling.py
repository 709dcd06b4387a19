"""A filter as one SQL statement that gives member ids, with every value bound.

What has to be added up by member (points that lapse, orders of some days) is added up for all, or
looked up for each whom the other conditions leave: whichever costs less by the database's own
estimate of how many that are. How a tree becomes SQL: `crm.segments.audiences.selecting`.

    found = compiling.select(filter, now)
    db.session.execute(text(f"INSERT INTO … SELECT member_id FROM ({found.sql}) a"), found.params)
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause

from crm.db import db
from crm.points import programme
from crm.segments.audiences import parsing, references
from crm.segments.audiences.binding import Values
from crm.segments.audiences.field import Scope
from crm.segments.audiences.parsing import Condition, Group, Node
from crm.segments.audiences.selecting import Select

EXPLAIN = "EXPLAIN (FORMAT JSON) {}"
LOOKED_UP = 6  # times what all costs: the planner thinks pages are on the disk, they are in memory


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
    for_all, for_each = forms(filter, now, prefix=prefix)
    if for_each == for_all:
        return for_all
    return for_each if _cost(for_each) < LOOKED_UP * _cost(for_all) else for_all


def forms(
    filter: Mapping[str, Any] | Node, now: datetime, *, prefix: str = "f"
) -> tuple[Selection, Selection]:
    """Both forms of a filter, which give the same members: what is added up by member is added up
    for all, or looked up for each whom the other conditions leave. As `select` otherwise.
    """
    tree = filter if isinstance(filter, Condition | Group) else parsing.read(filter)
    tree = references.expanded(tree, references.Loader())
    scope = Scope(now, programme.current(now).zone)
    for_all, for_each = (
        _compiled(tree, Values(scope, prefix), by_member=by_member) for by_member in (False, True)
    )
    return for_all, for_each


def _compiled(tree: Node, values: Values, *, by_member: bool) -> Selection:
    return Selection(Select(values, by_member).active(tree), values.params)


def _cost(selection: Selection) -> float:
    """What the planner thinks that reading the selection costs, in its own unit."""
    plan = db.session.execute(selection.statement(EXPLAIN), selection.params).scalar_one()
    return plan[0]["Plan"]["Total Cost"]


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
