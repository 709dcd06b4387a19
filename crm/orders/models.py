"""Orders, their lines, refunds, and one row of aggregates per member. Amounts in minor units."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from crm.db import Base

BOUGHT = text("counted AND member_id IS NOT NULL")


class Order(Base):
    """One order, known to shops as (channel, order_no). `member_id` NULL: a guest's."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("channel", "order_no"),
        Index("ix_orders_member", "member_id", "placed_at", "id"),
        Index(
            "ix_orders_bought",
            "member_id",
            "local_day",
            postgresql_include=["paid_at", "net"],
            postgresql_where=BOUGHT,
        ),
        Index("ix_orders_placed_at", "placed_at", postgresql_using="brin"),
        Index(
            "ix_orders_counted",
            "paid_at",
            postgresql_include=["member_id", "id", "net"],
            postgresql_where=text("counted"),
        ),
        Index(
            "ix_orders_delivered_at",
            "delivered_at",
            postgresql_where=text("delivered_at IS NOT NULL AND member_id IS NOT NULL"),
        ),
        Index(
            "uq_orders_points_hold",
            "points_hold",
            unique=True,
            postgresql_where=text("points_hold IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str]
    order_no: Mapped[str]
    member_id: Mapped[UUID | None]
    status: Mapped[str]
    currency: Mapped[str]
    placed_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    received_at: Mapped[datetime]
    store: Mapped[str | None]
    region: Mapped[str | None]
    shipping: Mapped[int] = mapped_column(BigInteger)
    discount: Mapped[int] = mapped_column(BigInteger)
    goods: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger)
    net: Mapped[int] = mapped_column(BigInteger)
    counted: Mapped[bool]
    local_day: Mapped[date | None]
    granted: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    lot_seq: Mapped[int | None]
    debt: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    available_at: Mapped[datetime | None]
    breakdown: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    tax: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    regrants: Mapped[int] = mapped_column(server_default=text("0"))
    clawed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    let_go: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    deduct: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    released_at: Mapped[datetime | None]
    points_hold: Mapped[UUID | None]
    tender: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    spent: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    spent_seq: Mapped[int | None]
    spender: Mapped[UUID | None]
    restored: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    coupons: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    coupon_tender: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class OrderLine(Base):
    """One line; `net` is what is paid for it after its share of the order's discount.

    `bought_at`: when its order was paid, while that counts as a purchase; else NULL.
    """

    __tablename__ = "order_line"
    __table_args__ = (
        Index(
            "ix_order_line_sku",
            "sku",
            "bought_at",
            postgresql_include=["member_id"],
            postgresql_where=text("bought_at IS NOT NULL"),
        ),
        Index(
            "ix_order_line_category",
            "category",
            "bought_at",
            postgresql_include=["member_id"],
            postgresql_where=text("category IS NOT NULL AND bought_at IS NOT NULL"),
        ),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[UUID | None]
    sku: Mapped[str]
    name: Mapped[str]
    category: Mapped[str | None]
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    quantity: Mapped[int]
    unit_price: Mapped[int] = mapped_column(BigInteger)
    discount: Mapped[int] = mapped_column(BigInteger)
    net: Mapped[int] = mapped_column(BigInteger)
    bought_at: Mapped[datetime | None]


class OrderRefund(Base):
    """A refund, once per refund_no. `order_id` NULL: it waits for its order to arrive."""

    __tablename__ = "order_refund"
    __table_args__ = (Index("ix_order_refund_order_id", "order_id"),)

    channel: Mapped[str] = mapped_column(primary_key=True)
    order_no: Mapped[str] = mapped_column(primary_key=True)
    refund_no: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    refunded_at: Mapped[datetime]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    lines: Mapped[list[dict[str, int]] | None] = mapped_column(JSONB(none_as_null=True))
    restock: Mapped[bool]
    value: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    deduct: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class PurchaseSummary(Base):
    """A member's counted purchases so far: the input of RFM. Kept by one statement per write."""

    __tablename__ = "purchase_summary"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    first_paid_at: Mapped[datetime | None]
    last_paid_at: Mapped[datetime | None]
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    orders: Mapped[int]
    frequency: Mapped[int]
    monetary: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]


class PurchaseCheck(Base):
    """A comparison of members' aggregates with their orders. `members`: some that differed."""

    __tablename__ = "purchase_check"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    sample: Mapped[bool]
    checked: Mapped[int]
    wrong: Mapped[int]
    repaired: Mapped[int]
    members: Mapped[list[str]] = mapped_column(JSONB)


class OrderMerge(Base):
    """An order that a merge of members moved: `lot_seq` before it, `moved_seq` after it."""

    __tablename__ = "order_merge"

    merge_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    lot_seq: Mapped[int | None]
    moved_seq: Mapped[int | None]
