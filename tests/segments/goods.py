"""Orders with lines, written straight into the tables: who bought which products when."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from purchases import SUMMARY
from sqlalchemy import text

from crm.db import as_rows, db
from crm.ids import uuid7

DAY = timedelta(days=1)

ORDERS = text("""
    INSERT INTO orders (id, channel, order_no, member_id, status, currency, placed_at, paid_at,
        updated_at, received_at, shipping, discount, goods, total, refunded, net, counted,
        local_day, granted, points)
    SELECT id, 'shop', id::text, member_id, 'paid', 'CNY', at, at, at, at, 0, 0, 1000, 1000,
        0, 1000, true, (at AT TIME ZONE 'Asia/Shanghai')::date, 0, 0
    FROM json_to_recordset(CAST(:rows AS json)) AS o (id uuid, member_id uuid, at timestamptz)
""")
LINES = text("""
    INSERT INTO order_line (order_id, line_no, member_id, sku, name, category, labels, quantity,
        unit_price, discount, net, bought_at)
    SELECT order_id, line_no, member_id, sku, 'The ' || sku, category, '{}', 1, 500, 0, net, at
    FROM json_to_recordset(CAST(:rows AS json)) AS l (order_id uuid, line_no integer,
        member_id uuid, sku text, category text, net bigint, at timestamptz)
""")


class Visit(NamedTuple):
    """A member buys things, one each. A thing is `category/sku`."""

    member: UUID
    at: datetime
    things: tuple[str, ...]
    net: int = 500  # of each line


def sell(visits: list[Visit], *, now: datetime) -> list[UUID]:
    """The orders of these visits, and everybody's aggregates after them."""
    ids = [uuid7() for _ in visits]
    orders = [
        {"id": id_, "member_id": visit.member, "at": visit.at}
        for id_, visit in zip(ids, visits, strict=True)
    ]
    lines = [
        {
            "order_id": id_,
            "line_no": number,
            "member_id": visit.member,
            "sku": thing.split("/")[1],
            "category": thing.split("/")[0] or None,
            "net": visit.net,
            "at": visit.at,
        }
        for id_, visit in zip(ids, visits, strict=True)
        for number, thing in enumerate(visit.things, start=1)
    ]
    db.session.execute(ORDERS, {"rows": as_rows(orders)})
    db.session.execute(LINES, {"rows": as_rows(lines)})
    db.session.execute(SUMMARY, {"now": now})
    return ids


def give_back(order: UUID, lines: list[dict[str, int]], *, now: datetime) -> None:
    """A refund of lines of an order that keeps some value."""
    db.session.execute(
        text("""
            INSERT INTO order_refund (channel, order_no, refund_no, order_id, refunded_at, lines,
                restock, value, received_at)
            VALUES ('shop', CAST(:id AS text), '1', :id, :now, CAST(:lines AS jsonb), true, 1, :now)
        """),
        {"id": order, "now": now, "lines": as_rows(lines)},
    )
    db.session.execute(text("UPDATE orders SET refunded = 1 WHERE id = :id"), {"id": order})
