"""Answers to surveys, and how satisfied members were with their orders."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_

from crm.campaigns.surveys.models import Survey
from crm.db import db
from crm.http.pagination import decode, page
from crm.orders.models import Order

COLUMNS = (
    Survey.id,
    Survey.member_id,
    Survey.journey,
    Survey.opened_at,
    Survey.answered_at,
    Survey.rating,
    Survey.text,
    Survey.granted,
    Survey.case_id,
    Order.channel,
    Order.order_no,
    Order.store,
)


def answers(query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of answers, the newest first: of a `member`, a `store`, a `journey`, rated at most
    `rating_at_most`, only those `with_text`, answered `since` (inclusive) and `until`."""
    statement = select(*COLUMNS).outerjoin(Order, Order.id == Survey.order_id)
    statement = statement.where(Survey.answered_at.is_not(None))
    for name, column in (
        ("member", Survey.member_id),
        ("store", Order.store),
        ("journey", Survey.journey),
    ):
        if query.get(name) is not None:
            statement = statement.where(column == query[name])
    if query.get("rating_at_most") is not None:
        statement = statement.where(Survey.rating <= query["rating_at_most"])
    if query.get("with_text"):
        statement = statement.where(Survey.text.is_not(None))
    if query.get("since") is not None:
        statement = statement.where(Survey.answered_at >= query["since"])
    if query.get("until") is not None:
        statement = statement.where(Survey.answered_at < query["until"])
    after = decode(query.get("cursor"), datetime.fromisoformat, UUID)
    if after:
        statement = statement.where(tuple_(Survey.answered_at, Survey.id) < after)
    statement = statement.order_by(Survey.answered_at.desc(), Survey.id.desc())
    rows = db.session.execute(statement.limit(query["limit"] + 1)).mappings().all()
    found = page(rows, query["limit"], lambda row: (row["answered_at"].isoformat(), row["id"]))
    return found | {"data": [_answer(row) for row in found["data"]]}


def _answer(row: Mapping[str, Any]) -> dict[str, Any]:
    named = ("channel", "order_no")
    order = {name: row[name] for name in named} if row["order_no"] is not None else None
    return {name: row[name] for name in row if name not in named} | {"order": order}


def of_orders(order_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """How satisfied members were with these orders, as far as they said so: the newest answer."""
    if not order_ids:
        return {}
    columns = (Survey.order_id, Survey.rating, Survey.text, Survey.answered_at)
    statement = select(*columns).where(
        Survey.order_id.in_(list(order_ids)), Survey.answered_at.is_not(None)
    )
    rows = db.session.execute(statement.order_by(Survey.answered_at)).mappings()
    return {row["order_id"]: {name: row[name] for name in ("rating", "text", "answered_at")}
            for row in rows}  # fmt: skip
