"""Orders over HTTP: written whole, in any order of arrival, one by one or a thousand at once."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from flask import jsonify, request

from crm import clock
from crm.db import transaction
from crm.errors import N_, FieldError, Invalid, Refused
from crm.http import Blueprint, idempotent, needs, problems, strict_json
from crm.http.blueprint import body_of, read_json
from crm.http.pagination import PageQuery
from crm.members import profiles
from crm.orders import documents, incoming, intake
from crm.orders.answer_schemas import BatchOut, HeldRefundOut, OrderOut, OrderPage
from crm.orders.kept import Collision, Kept
from crm.orders.schemas import MOST_IN_BATCH, BatchOrderIn, OrderIn, RefundIn

blp = Blueprint("orders", __name__, description="What members bought and returned.")
T = TypeVar("T")
TRIES = 4


def _in_transaction(rule: Callable[[], T]) -> T:
    """Run a rule in a transaction; a race for a new order is run again and finds it, and so is
    the member whom a record was merged into meanwhile."""
    for left in reversed(range(TRIES)):
        try:
            with transaction():
                return rule()
        except (Collision, problems.Contended):
            if not left:
                raise problems.Contended(retry_after=1) from None
    raise AssertionError("unreachable")


def _shown(order: Kept, *, stale: bool = False) -> dict[str, Any]:
    return documents.document(order, clock.now(), stale=stale)


def _check_path(channel: str, order_no: str) -> None:
    """The two names in the path obey the same rules as in a batch."""
    errors = [
        FieldError(f"/{name}", "bad_format", N_("This does not have the expected form."))
        for name, value, good in (
            ("channel", channel, incoming.is_channel(channel)),
            ("order_no", order_no, incoming.is_order_no(order_no)),
        )
        if not good
    ]
    if errors:
        raise Invalid(errors)


@blp.put("/orders/<channel>/<order_no>")
@needs("orders:write")
@blp.doc(requestBody=body_of(OrderIn))
@blp.response(200, OrderOut)
def put_order(channel: str, order_no: str):
    """Write an order whole. An older `updated_at` than what is kept changes nothing."""
    _check_path(channel, order_no)
    body = read_json()
    named = {"channel": channel, "order_no": order_no}
    given = incoming.read({**body, **named} if isinstance(body, dict) else body)

    def rule() -> dict[str, Any]:
        outcome = intake.put_many([given], clock.now())[0]
        if outcome.refused is not None:
            raise outcome.refused
        assert outcome.order is not None
        return _shown(outcome.order, stale=outcome.stale)

    return _in_transaction(rule)


@blp.get("/orders/<channel>/<order_no>")
@needs("orders:read")
@blp.response(200, OrderOut)
def get_order(channel: str, order_no: str):
    """One order with its lines, its refunds and what it earned."""
    return _shown(documents.find(channel, order_no))


@blp.put("/orders/<channel>/<order_no>/refunds/<refund_no>")
@needs("orders:write")
@blp.arguments(RefundIn)
@blp.response(200, OrderOut)
@blp.alt_response(202, schema=HeldRefundOut)
def put_refund(body: dict, channel: str, order_no: str, refund_no: str):
    """Write a refund, once per refund_no. One that comes before its order waits for it (202)."""
    _check_path(channel, order_no)
    if not incoming.is_order_no(refund_no):
        text = N_("This does not have the expected form.")
        raise Invalid([FieldError("/refund_no", "bad_format", text)])

    def rule() -> Any:
        order = intake.put_refund(channel, order_no, refund_no, body, clock.now())
        return None if order is None else _shown(order)

    found = _in_transaction(rule)
    if found is None:
        held = {"state": "held", "channel": channel, "order_no": order_no, "refund_no": refund_no}
        return jsonify(held), 202
    return found


@blp.get("/members/<uuid:member_id>/orders")
@needs("orders:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, OrderPage)
def member_orders(query: dict, member_id: UUID):
    """A member's orders, newest first."""
    profiles.require(member_id)
    found = documents.of_member(member_id, query["limit"], query["cursor"])
    return found | {"data": [_shown(order) for order in found["data"]]}


@blp.post("/orders/batch")
@needs("orders:write")
@idempotent
@blp.doc(requestBody=body_of({"type": "array", "items": BatchOrderIn, "maxItems": MOST_IN_BATCH}))
@blp.response(200, BatchOut)
def put_batch():
    """Write up to a thousand orders: an array, or NDJSON (one order a line). Each by itself:
    those that are refused say why, the others are saved."""
    items = _items()
    good, results = [], []
    for index, body in enumerate(items):
        name = {"index": index, "channel": None, "order_no": None}
        if isinstance(body, dict):
            name |= {key: _text(body.get(key)) for key in ("channel", "order_no")}
        results.append(name)
        try:
            good.append((index, incoming.read(body)))
        except Refused as refused:
            results[index] |= _problem(refused)
    try:
        outcomes = intake.put_many([order for _, order in good], clock.now())
    except Collision:
        raise problems.Contended(retry_after=1) from None
    for (index, _), outcome in zip(good, outcomes, strict=True):
        if outcome.refused is not None:
            results[index] |= _problem(outcome.refused)
        elif outcome.order is not None:
            order = outcome.order
            results[index] |= {"status": 200, "order_id": order.id, "points": order.points}
    refused = sum("problem" in result for result in results)
    return {"results": results, "saved": len(results) - refused, "refused": refused}


def _items() -> list[Any]:
    if request.mimetype in ("application/x-ndjson", "application/ndjson"):
        raw = request.get_data(cache=True)
        items = [strict_json.loads(line) for line in raw.split(b"\n") if line.strip()]
    else:
        items = read_json()
    if not isinstance(items, list):
        raise Invalid([FieldError("", "invalid_type", N_("This must be a list."))])
    if not 1 <= len(items) <= MOST_IN_BATCH:
        raise Invalid([FieldError("", "batch_size", N_("A batch has 1 to 1,000 items."))])
    return items


def _text(value: Any) -> str | None:
    return value[:64] if isinstance(value, str) else None


def _problem(refused: Refused) -> dict[str, Any]:
    return {"status": refused.status, "problem": problems.document(refused)}
