"""Tables of coupons. Counters of a template change under its row's lock alone."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, Numeric, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7

KINDS = ("amount", "percent", "gift", "free_shipping", "points_multiplier")
STATES = ("issued", "reserved", "used", "void")


class CouponTemplate(Base):
    """What the coupons of one kind are good for, and how many there may be.

    Money is in minor units. `value` is an amount, whole percents, or what a gift is worth;
    `factor` multiplies points. `issued`, `used`, `pool` count coupons, `value_used` and
    `committed` money: what was taken off, and what open coupons may still take off.
    """

    __tablename__ = "coupon_template"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint("issued BETWEEN 0 AND coalesce(stock, issued)", name="counters"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    kind: Mapped[str]
    value: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    factor: Mapped[Decimal | None] = mapped_column(Numeric(6, 3))
    gift: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    max_discount: Mapped[int | None] = mapped_column(BigInteger)
    min_basis: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    skus: Mapped[list[str]] = mapped_column(ARRAY(Text))
    categories: Mapped[list[str]] = mapped_column(ARRAY(Text))
    valid_days: Mapped[int | None]
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    per_member_limit: Mapped[int | None]
    stock: Mapped[int | None] = mapped_column(BigInteger)
    budget: Mapped[int | None] = mapped_column(BigInteger)
    stackable: Mapped[bool] = mapped_column(server_default=text("false"))
    returns_on_refund: Mapped[bool] = mapped_column(server_default=text("true"))
    has_pool: Mapped[bool] = mapped_column(server_default=text("false"))
    pool: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    issued: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    used: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    value_used: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    committed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    created_by: Mapped[str]
    ended_at: Mapped[datetime | None]


class Coupon(Base):
    """One code. Who has no member is in the pool: to be issued, or good for whoever has the code.

    `state` is as written: a reservation past `reserved_until` is over, and a coupon past
    `expires_at` has expired, whatever jobs have run. `occasion` is what a member got it for, once.
    """

    __tablename__ = "coupon"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index(
            "uq_coupon_occasion",
            "template_id",
            "member_id",
            "occasion",
            unique=True,
            postgresql_where=text("occasion IS NOT NULL"),
        ),
        Index("ix_coupon_template", "template_id", "code"),
        Index(
            "ix_coupon_pool",
            "template_id",
            "code",
            postgresql_where=text("member_id IS NULL AND state IN ('issued', 'reserved')"),
        ),
        Index(
            "ix_coupon_member",
            "member_id",
            "template_id",
            postgresql_where=text("member_id IS NOT NULL"),
        ),
        Index(
            "ix_coupon_used_member",
            "used_member",
            "template_id",
            postgresql_where=text("used_member IS NOT NULL"),
        ),
        Index(
            "ix_coupon_used_order",
            "used_channel",
            "used_order_no",
            postgresql_where=text("used_order_no IS NOT NULL"),
        ),
        Index("ix_coupon_reserved", "reserved_until", postgresql_where=text("state = 'reserved'")),
        Index("ix_coupon_committed", "expires_at", postgresql_where=text("committed > 0")),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    template_id: Mapped[UUID] = mapped_column(ForeignKey("coupon_template.id"))
    state: Mapped[str] = mapped_column(server_default=text("'issued'"))
    member_id: Mapped[UUID | None]
    occasion: Mapped[str | None]
    source_type: Mapped[str | None]
    source_id: Mapped[str | None]
    bought_with_points: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    committed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    reserved_for: Mapped[str | None]
    reserved_until: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    used_channel: Mapped[str | None]
    used_order_no: Mapped[str | None]
    used_member: Mapped[UUID | None]
    value_used: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
    came_with: Mapped[UUID | None]

    def is_reserved(self, now: datetime) -> bool:
        """Whether a reservation stands."""
        return (
            self.state == "reserved"
            and self.reserved_until is not None
            and self.reserved_until > now
        )

    def state_at(self, now: datetime) -> str:
        """issued, reserved, used, void, or expired: as of now."""
        if self.state in ("used", "void") or self.is_reserved(now):
            return self.state
        over = self.expires_at is not None and self.expires_at <= now
        return "expired" if over else "issued"


class CouponMiss(Base):
    """A code that was asked for and does not exist."""

    __tablename__ = "coupon_miss"
    __table_args__ = (Index("ix_coupon_miss_credential_at", "credential", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    credential: Mapped[str]
    at: Mapped[datetime]
