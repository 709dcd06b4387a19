"""Orders as the API and the console show them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_

from crm.db import db
from crm.http.pagination import decode, page
from crm.orders import kept, kept_lines
from crm.orders.coupon_figures import expected_discount, given_discount
from crm.orders.errors import OrderNotFound
from crm.orders.kept import Kept
from crm.orders.models import Order
from crm.orders.tender import due_back
from crm.points import rulebook


def document(order: Kept, now: datetime, *, stale: bool = False) -> dict[str, Any]:
    """One order, whole; times as instants, `available_on` as a day in the programme's zone."""
    book = rulebook.load()
    zone = book.programme_at(now).zone
    deducts = book.programme_at(order.placed_at).refund.shortfall == "deduct_from_refund"
    columns = {name: getattr(order, name) for name in kept.COLUMNS if name != "breakdown"}
    lines = [
        {name: getattr(line, name) for name in line.__struct_fields__} | {"net": net}
        for line, net in zip(order.lines, order.nets, strict=True)
    ]
    return columns | {
        "lines": lines,
        "refunds": [_refund(refund) for refund in order.refunds],
        "earned": _earned(order, now, zone),
        "tender": {
            "points": order.spent,
            "value": order.tender,
            "restored_value": due_back(order, order.tender),
        },
        "coupons": [_coupon(entry) for entry in order.coupons or ()],
        "coupon_discount": {
            "expected": expected_discount(order),
            "given": given_discount(order),
            "tender": order.coupon_tender,
        },
        "clawed_back": order.clawed,
        "let_go": 0 if deducts else order.let_go,
        "deduct_from_refund": {"points": order.let_go if deducts else 0, "value": order.deduct},
        "stale": stale,
    }


def _coupon(entry: dict[str, Any]) -> dict[str, Any]:
    """What came of a coupon; of an unknown code little is known."""
    return {
        "template_id": None, "name": None, "kind": None, "bought_with_points": False,
    } | entry  # fmt: skip


def _refund(refund: Any) -> dict[str, Any]:
    pieces = refund.lines
    lines = [{"line_no": one, "quantity": count} for one, count in (pieces or {}).items()]
    return {
        "refund_no": refund.refund_no,
        "refunded_at": refund.refunded_at,
        "lines": None if pieces is None else lines,
        "amount": refund.amount,
        "restock": refund.restock,
        "value": refund.value,
        "deduct": refund.deduct,
    }


def _earned(order: Kept, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    at = order.available_at
    if order.lot_seq is None:
        state = "none"
    elif order.points == 0:
        state = "clawed_back"
    else:
        state = "available" if at is not None and at <= now else "pending"
    return {
        "points": order.points,
        "granted": order.granted if order.lot_seq is not None else 0,
        "state": state,
        "available_at": at,
        "available_on": at.astimezone(zone).date() if at else None,
        "breakdown": order.breakdown["breakdown"] if order.breakdown else [],
    }


def find(channel: str, order_no: str) -> Kept:
    """One order with lines and refunds, not locked. Raises `OrderNotFound`."""
    found = _complete(
        db.session.scalars(select(Order).filter_by(channel=channel, order_no=order_no))
    )
    if not found:
        raise OrderNotFound()
    return found[0]


def get(order_id: UUID) -> Kept:
    """One order by our own id, likewise. Raises `OrderNotFound`."""
    found = _complete(db.session.scalars(select(Order).filter_by(id=order_id)))
    if not found:
        raise OrderNotFound()
    return found[0]


def of_member(member_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of a member's orders (`Kept`), newest placed first."""
    query = select(Order).filter_by(member_id=member_id)
    after = decode(cursor, datetime.fromisoformat, UUID)
    if after:
        query = query.where(tuple_(Order.placed_at, Order.id) < after)
    rows = db.session.scalars(
        query.order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit + 1)
    )
    return page(_complete(rows), limit, lambda row: (row.placed_at.isoformat(), row.id))


def _complete(rows: Iterable[Order]) -> Sequence[Kept]:
    """The rows with lines and refunds: two statements for any number."""
    orders = [Kept(*(getattr(row, name) for name in kept.COLUMNS)) for row in rows]
    if orders:
        kept_lines.attach(orders)
        refunds = kept.load_refunds([order.key for order in orders])
        for order in orders:
            order.refunds = refunds.get(order.key, [])
    return orders
