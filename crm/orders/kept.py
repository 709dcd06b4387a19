"""Orders as rows: loaded under lock, changed in memory, written back set-based."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zlib import crc32

from sqlalchemy import text

from crm.db import as_rows, db
from crm.orders import kept_lines
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
    kept_lines.attach(list(found.values()))
    return found


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
    kept_lines.save([order for order in orders if order.lines_changed])
    kept_lines.date([order for order in orders if not order.lines_changed])
    _save_refund_values([order for order in orders if order.refunds])


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
