"""How the order that an act is about stands, as far as rules ask."""

from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.orders.earnings import EARNING
from crm.orders.errors import OrderNotFound

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
