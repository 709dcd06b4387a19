"""Cases as the API and the console show them; lists, and how many there are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text, tuple_

from crm.cases import history, owners, working
from crm.cases.models import CLOSED, Case
from crm.db import db
from crm.http.pagination import decode, page
from crm.http.principal import Principal
from crm.orders.models import Order

COUNTS = text("""
    SELECT count(*) AS open, count(*) FILTER (WHERE due_at <= :now) AS overdue,
           count(*) FILTER (WHERE owner_id = :owner) AS mine,
           count(*) FILTER (WHERE owner_id = :owner AND due_at <= :now) AS mine_overdue
    FROM member_case WHERE state <> 'closed'
""")
HIDDEN = ("came_with", "occasion", "order_id", "owner_id", "overdue_at")
SHOWN = tuple(c.key for c in Case.__table__.columns if c.key not in HIDDEN)


def listed(query: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A page of cases: `state`, `open`, `owner`, `member`, `overdue`, `kind`, `source` where they
    are given; `sort` newest (the default) or due, the most urgent first; `limit`, `cursor`."""
    urgent = query.get("sort") == "due"
    key = (Case.due_at, Case.id) if urgent else (Case.id,)
    after = decode(query.get("cursor"), *((datetime.fromisoformat, UUID) if urgent else (UUID,)))
    statement = _filtered(query, now)
    if after:
        here = tuple_(*key)
        statement = statement.where(here > after if urgent else here < after)
    order = key if urgent else (Case.id.desc(),)
    rows = db.session.scalars(statement.order_by(*order).limit(query["limit"] + 1)).all()
    found = page(rows, query["limit"], lambda row: _place(row, urgent))
    return found | {"data": documents(found["data"], now=now)}


def _place(case: Case, urgent: bool) -> tuple[Any, ...]:
    return (case.due_at.isoformat(), case.id) if urgent else (case.id,)


def _filtered(query: Mapping[str, Any], now: datetime) -> Select[Any]:
    statement = select(Case)
    for name, column in (
        ("state", Case.state),
        ("owner", Case.owner_id),
        ("member", Case.member_id),
        ("kind", Case.kind),
        ("source", Case.source),
    ):
        if query.get(name) is not None:
            statement = statement.where(column == query[name])
    if query.get("open") is not None:
        statement = statement.where(_is_open() if query["open"] else ~_is_open())
    if query.get("overdue") is not None:
        late = _is_open() & (Case.due_at <= now)
        statement = statement.where(late if query["overdue"] else ~late)
    return statement


def _is_open():
    return Case.state != CLOSED


def documents(cases: Sequence[Case], *, now: datetime) -> list[dict[str, Any]]:
    """Cases without their history: three statements for any number."""
    names = owners.names({case.owner_id for case in cases if case.owner_id})
    orders = _orders({case.order_id for case in cases if case.order_id})
    return [
        {name: getattr(case, name) for name in SHOWN}
        | {
            "order": orders.get(case.order_id) if case.order_id else None,
            "owner": case.owner_id and {"id": case.owner_id, "name": names.get(case.owner_id)},
            "overdue": case.is_overdue(now),
        }
        for case in cases
    ]


def document(case_id: UUID, *, now: datetime) -> dict[str, Any]:
    """One case with all that happened to it. Raises `CaseNotFound`."""
    case = working.find(case_id)
    return documents([case], now=now)[0] | {"history": history.of_case(case.id)}


def open_of(member_id: UUID, *, now: datetime) -> list[dict[str, Any]]:
    """A member's open cases, the most urgent first."""
    query = select(Case).where(Case.member_id == member_id, _is_open())
    return documents(db.session.scalars(query.order_by(Case.due_at, Case.id)).all(), now=now)


def is_open(member_id: UUID) -> bool:
    """Whether a member has an open case."""
    query = select(Case.id).where(Case.member_id == member_id, _is_open()).limit(1)
    return db.session.scalar(query) is not None


def counts(who: Principal, now: datetime) -> dict[str, int]:
    """How many cases are `open` and `overdue`, how many of them are `mine`, and `mine_overdue`."""
    values = {"now": now, "owner": who.id if who.kind == "staff" else None}
    return dict(db.session.execute(COUNTS, values).mappings().one())


def _orders(ids: set[UUID]) -> dict[UUID, dict[str, str]]:
    if not ids:
        return {}
    rows = db.session.execute(
        select(Order.id, Order.channel, Order.order_no).where(Order.id.in_(ids))
    )
    return {row.id: {"channel": row.channel, "order_no": row.order_no} for row in rows}
