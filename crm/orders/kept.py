"""Orders as rows: loaded under lock, changed in memory, written back set-based."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zlib import crc32

from sqlalchemy import text

from crm.db import as_rows, db
from crm.orders.incoming import Line
from crm.orders.pricing import Refund

ORDER_AND_REFUND = 7_301_130  # advisory locks: a new order, or a refund that has no order yet
LANES = 64  # few, so that a batch needs few locks; orders share them
SHARED = text("""
    SELECT pg_advisory_xact_lock_shared(:what, l) FROM unnest(CAST(:lanes AS integer[])) AS l
""")
ALONE = text("""
    SELECT pg_advisory_xact_lock(:what, l) FROM unnest(CAST(:lanes AS integer[])) AS l
""")


class Collision(Exception):
    """Another transaction wrote the same new order; the door tries again and finds it."""


@dataclass(slots=True)
class Kept:
    """One order with its lines and refunds. The first fields are the columns of `orders`."""

    id: UUID
    channel: str
    order_no: str
    member_id: UUID | None
    status: str
    currency: str
    placed_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None
    updated_at: datetime
    received_at: datetime
    store: str | None
    region: str | None
    shipping: int
    discount: int
    goods: int = 0
    total: int = 0
    refunded: int = 0
    net: int = 0
    counted: bool = False
    local_day: date | None = None
    granted: int = 0
    points: int = 0
    lot_seq: int | None = None
    debt: int = 0
    available_at: datetime | None = None
    breakdown: dict[str, Any] | None = None
    tax: int = 0
    regrants: int = 0
    clawed: int = 0
    let_go: int = 0
    deduct: int = 0
    released_at: datetime | None = None
    points_hold: UUID | None = None
    tender: int = 0
    spent: int = 0
    spent_seq: int | None = None
    spender: UUID | None = None
    restored: int = 0
    coupons: list[dict[str, Any]] | None = None
    coupon_tender: int = 0
    lines: list[Line] = field(default_factory=list)
    nets: list[int] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    is_new: bool = False
    lines_changed: bool = False
    lines_bought_at: datetime | None = None  # as it stands with the lines
    basis_changed: bool = False

    @property
    def bought_at(self) -> datetime | None:
        """When it was paid, while it counts as a purchase."""
        return self.paid_at if self.counted else None

    @property
    def key(self) -> tuple[str, str]:
        """What shops know it by."""
        return self.channel, self.order_no


_names = [item.name for item in fields(Kept)]
COLUMNS = _names[: _names.index("lines")]
TYPES = {
    "id": "uuid", "member_id": "uuid", "placed_at": "timestamptz", "paid_at": "timestamptz",
    "delivered_at": "timestamptz", "updated_at": "timestamptz", "received_at": "timestamptz",
    "shipping": "bigint", "discount": "bigint", "goods": "bigint", "total": "bigint",
    "refunded": "bigint", "net": "bigint", "counted": "boolean", "local_day": "date",
    "granted": "bigint", "points": "bigint", "lot_seq": "integer", "debt": "bigint",
    "available_at": "timestamptz", "breakdown": "jsonb", "tax": "bigint", "regrants": "integer",
    "clawed": "bigint", "let_go": "bigint", "deduct": "bigint", "released_at": "timestamptz",
    "points_hold": "uuid", "tender": "bigint", "spent": "bigint", "spent_seq": "integer",
    "spender": "uuid", "restored": "bigint", "coupons": "jsonb", "coupon_tender": "bigint",
}  # fmt: skip

_typed = ", ".join(f"{name} {TYPES.get(name, 'text')}" for name in COLUMNS)
_rows = f"""
    SELECT {", ".join(COLUMNS)} FROM json_to_recordset(CAST(:rows AS json)) AS o ({_typed})
"""  # noqa: S608  # built from constants of this module
_set = ", ".join(f"{name} = r.{name}" for name in COLUMNS if name != "id")
# A twin's order is left alone, not waited for by its row: who has its row may wait for our account.
INSERT = text(f"""
    INSERT INTO orders ({", ".join(COLUMNS)}) {_rows} ON CONFLICT (channel, order_no) DO NOTHING
""")  # as above
UPDATE = text(f"UPDATE orders SET {_set} FROM ({_rows}) r WHERE orders.id = r.id")  # noqa: S608

LOAD = text(f"""
    SELECT {", ".join(f"o.{name}" for name in COLUMNS)} FROM orders o
    JOIN unnest(CAST(:channels AS text[]), CAST(:numbers AS text[])) AS k (channel, order_no)
        ON o.channel = k.channel AND o.order_no = k.order_no
    ORDER BY o.id FOR UPDATE OF o
""")  # noqa: S608  # as above

LINES = text("""
    SELECT order_id, line_no, sku, name, category, labels, quantity, unit_price, discount, net
    FROM order_line WHERE order_id = ANY (:ids) ORDER BY order_id, line_no
""")

REFUNDS = text("""
    SELECT r.channel, r.order_no, r.refund_no, r.refunded_at, r.amount, r.lines, r.restock, r.value,
           r.deduct, r.order_id
    FROM order_refund r
    JOIN unnest(CAST(:channels AS text[]), CAST(:numbers AS text[])) AS k (channel, order_no)
        USING (channel, order_no)
    ORDER BY r.refunded_at, r.refund_no
""")


def await_twins(keys: Iterable[tuple[str, str]], *, alone: bool = False) -> None:
    """Wait where these orders, which do not exist yet, and their refunds might miss each other.

    Who writes a new order keeps refunds of it waiting until he has committed; who holds a refund
    for an order that is not there keeps that order waiting (`alone`). Otherwise neither would see
    the other. Orders do not wait for orders.
    """
    lanes = sorted({crc32("\0".join(key).encode()) % LANES for key in keys})
    if lanes:
        db.session.execute(ALONE if alone else SHARED, {"what": ORDER_AND_REFUND, "lanes": lanes})


def load(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Kept]:
    """The orders of these keys that exist, locked, with their lines."""
    pairs = sorted(set(keys))
    given = {"channels": [pair[0] for pair in pairs], "numbers": [pair[1] for pair in pairs]}
    found = {}
    for row in db.session.execute(LOAD, given):
        order = found[row.channel, row.order_no] = Kept(*row)
        order.lines_bought_at = order.bought_at
    attach_lines(list(found.values()))
    return found


def attach_lines(orders: Sequence[Kept]) -> None:
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


def load_refunds(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[Refund]]:
    """All refunds of these orders, also those that wait for them."""
    pairs = sorted(set(keys))
    given = {"channels": [pair[0] for pair in pairs], "numbers": [pair[1] for pair in pairs]}
    found: dict[tuple[str, str], list[Refund]] = {}
    for row in db.session.execute(REFUNDS, given):
        lines = {int(item["line_no"]): item["quantity"] for item in row.lines or ()}
        refund = Refund(
            row.refund_no, row.refunded_at, lines if row.lines is not None else None, row.amount,
            row.restock, row.value, row.deduct, row.order_id is not None,
        )  # fmt: skip
        found.setdefault((row.channel, row.order_no), []).append(refund)
    return found


def save(orders: Sequence[Kept]) -> None:
    """Write these orders and their lines back. Raises `Collision` for a race on a new key."""
    if not orders:
        return
    for statement, some in (
        (INSERT, sorted((order for order in orders if order.is_new), key=lambda one: one.key)),
        (UPDATE, [order for order in orders if not order.is_new]),
    ):
        rows = [{name: getattr(order, name) for name in COLUMNS} for order in some]
        done = db.session.execute(statement, {"rows": as_rows(rows)}) if rows else None
        if done is not None and done.rowcount != len(rows):  # type: ignore[attr-defined]
            raise Collision()
    _save_lines([order for order in orders if order.lines_changed])
    _date_lines([order for order in orders if not order.lines_changed])
    _save_refund_values([order for order in orders if order.refunds])


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


def _save_lines(orders: Sequence[Kept]) -> None:
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


def _date_lines(orders: Sequence[Kept]) -> None:
    """Lines say when they were bought, so that who bought what is read from them alone."""
    moved = [order for order in orders if order.bought_at != order.lines_bought_at]
    if moved:
        given = {"ids": [one.id for one in moved], "instants": [one.bought_at for one in moved]}
        db.session.execute(DATE_LINES, given)


def _save_refund_values(orders: Sequence[Kept]) -> None:
    rows = [
        {
            "channel": order.channel, "order_no": order.order_no, "refund_no": refund.refund_no,
            "order_id": order.id, "member_id": order.member_id, "value": refund.value,
            "deduct": refund.deduct,
        }
        for order in orders
        for refund in order.refunds
    ]  # fmt: skip
    if not rows:
        return
    db.session.execute(
        text("""
            UPDATE order_refund r
            SET order_id = s.order_id, member_id = s.member_id, value = s.value, deduct = s.deduct
            FROM json_to_recordset(CAST(:rows AS json)) AS s (
                channel text, order_no text, refund_no text, order_id uuid, member_id uuid,
                value bigint, deduct bigint)
            WHERE r.channel = s.channel AND r.order_no = s.order_no AND r.refund_no = s.refund_no
        """),
        {"rows": as_rows(rows)},
    )
