"""Lines of orders as rows: read and written for many orders at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import text

from crm.db import as_rows, db
from crm.orders.incoming import Line

if TYPE_CHECKING:
    from crm.orders.kept import Kept

LINES = text("""
    SELECT order_id, line_no, sku, name, category, labels, quantity, unit_price, discount, net
    FROM order_line WHERE order_id = ANY (:ids) ORDER BY order_id, line_no
""")
INSERT_LINES = text("""
    INSERT INTO order_line (order_id, line_no, member_id, sku, name, category, labels, quantity,
                            unit_price, discount, net, bought_at)
    SELECT order_id, line_no, member_id, sku, name, category, labels, quantity, unit_price,
           discount, net, bought_at
    FROM json_to_recordset(CAST(:rows AS json)) AS l (
        order_id uuid, line_no integer, member_id uuid, sku text, name text, category text,
        labels text[], quantity integer, unit_price bigint, discount bigint, net bigint,
        bought_at timestamptz)
""")
DATE_LINES = text("""
    UPDATE order_line l SET bought_at = s.at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:instants AS timestamptz[])) AS s (id, at)
    WHERE l.order_id = s.id
""")


def attach(orders: Sequence["Kept"]) -> None:
    """Read the lines of these orders, one statement."""
    by_id = {order.id: order for order in orders}
    if not by_id:
        return
    for row in db.session.execute(LINES, {"ids": list(by_id)}):
        order = by_id[row.order_id]
        order.lines.append(
            Line(
                row.line_no, row.sku, row.name, row.quantity, row.unit_price, row.category,
                list(row.labels), row.discount,
            )
        )  # fmt: skip
        order.nets.append(row.net)


def save(orders: Sequence["Kept"]) -> None:
    """Write the lines of these orders, in the place of those that were there."""
    stale = [order.id for order in orders if not order.is_new]
    if stale:
        db.session.execute(
            text("DELETE FROM order_line WHERE order_id = ANY (:ids)"), {"ids": stale}
        )
    rows = [
        {
            "order_id": order.id, "line_no": line.line_no, "member_id": order.member_id,
            "sku": line.sku, "name": line.name, "category": line.category, "labels": line.labels,
            "quantity": line.quantity, "unit_price": line.unit_price, "discount": line.discount,
            "net": net, "bought_at": order.bought_at,
        }
        for order in orders
        for line, net in zip(order.lines, order.nets, strict=True)
    ]  # fmt: skip
    if rows:
        db.session.execute(INSERT_LINES, {"rows": as_rows(rows)})


def date(orders: Sequence["Kept"]) -> None:
    """Lines say when they were bought, so that who bought what is read from them alone."""
    moved = [order for order in orders if order.bought_at != order.lines_bought_at]
    if moved:
        given = {"ids": [one.id for one in moved], "instants": [one.bought_at for one in moved]}
        db.session.execute(DATE_LINES, given)
