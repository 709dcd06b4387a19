"""How the order that an act is about stands, as far as rules ask."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.orders import kept
from crm.orders.earnings import EARNING, available_at
from crm.orders.errors import OrderNotFound
from crm.orders.kept import Kept
from crm.points import rulebook

# Shared, so that a refund that is being written is waited for. Orders are locked before accounts.
FIND = text("""
    SELECT member_id, status, refunded, total FROM orders
    WHERE channel = :channel AND order_no = :order_no FOR SHARE
""")


def unmet(member_id: UUID, channel: str, order_no: str) -> str | None:
    """Why an order does not count for what this member did: a code of `crm.points.unmet.REASONS`.

    None: it is his, paid, and not refunded whole. Locks it against changes. Raises `OrderNotFound`.
    """
    order = db.session.execute(FIND, {"channel": channel, "order_no": order_no}).one_or_none()
    if order is None:
        raise OrderNotFound(pointer="/order")
    if order.member_id != member_id:
        return "order_of_another"
    if order.status == "cancelled" or 0 < order.total <= order.refunded:
        return "order_refunded"
    return None if order.status in EARNING else "order_not_paid"


_columns = ", ".join(f"o.{name}" for name in kept.COLUMNS)
# The first is the first that was ever paid, also one that was refunded or cancelled since.
FIRST = text(f"""
    SELECT {_columns} FROM unnest(CAST(:ids AS uuid[])) AS m (id)
    CROSS JOIN LATERAL (
        SELECT * FROM orders o WHERE o.member_id = m.id AND o.paid_at <= :now
        ORDER BY o.paid_at, o.id LIMIT 1
    ) o
""")  # noqa: S608  # built from the names of columns
NAMED = text("SELECT id, channel, order_no FROM orders WHERE id = ANY (:ids)")
LOCK = text("SELECT 1 FROM orders WHERE id = :id FOR SHARE")


def first_paid(member_ids: Iterable[UUID], now: datetime) -> dict[UUID, Kept]:
    """The first order that each of these members has paid by now; without lines."""
    ids = list(member_ids)
    rows = db.session.execute(FIRST, {"ids": ids, "now": now}) if ids else ()
    found = [Kept(*row) for row in rows]
    return {order.member_id: order for order in found if order.member_id is not None}


def window_ends(order: Kept) -> datetime | None:
    """When its goods can't come back any more: the instant from which its own points may be spent.

    None: on a call only.
    """
    return available_at(order, rulebook.load().programme_at(order.placed_at))


def stands(order: Kept) -> bool:
    """Whether a paid order was neither cancelled nor refunded whole."""
    return order.status in EARNING and not 0 < order.total <= order.refunded


def lock(order_id: UUID) -> None:
    """Let nobody change an order until the transaction ends. Before accounts, as everywhere."""
    db.session.execute(LOCK, {"id": order_id})


def named(ids: Iterable[UUID]) -> dict[UUID, dict[str, str]]:
    """Orders as shops know them, by id."""
    rows = db.session.execute(NAMED, {"ids": list(ids)})
    return {row.id: {"channel": row.channel, "order_no": row.order_no} for row in rows}
