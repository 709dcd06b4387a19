"""Tables of journeys: how each is set, and every occasion that has come."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7

STATES = ("given", "skipped", "expired")


class Journey(Base):
    """How a journey is set now. The row is the lock under which its occasions are handled.

    `enabled_at`: since when it is on. `done_until`: every occasion up to this instant was handled.
    """

    __tablename__ = "journey"
    __table_args__ = (CheckConstraint("enabled = (enabled_at IS NOT NULL)", name="since"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    enabled: Mapped[bool]
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    enabled_at: Mapped[datetime | None]
    done_until: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class JourneyVersion(Base):
    """One version of a journey's settings, whole; append-only."""

    __tablename__ = "journey_version"

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    enabled: Mapped[bool]
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class JourneyOccasion(Base):
    """One occasion of one member, once for life: `key` is the narrow key of the occasion's words.

    `at` is the instant at which it came, `day` the member's own day. `reason` says why nothing was
    given. `points` and `coupon_code` are what was; `ref` is what it is about (an order, a tier).
    """

    __tablename__ = "journey_occasion"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("(state = 'given') = (reason IS NULL)", name="why"),
        Index("ix_journey_occasion_journey", "journey", "at", "id"),
        Index("ix_journey_occasion_member", "member_id", "journey", "at"),
        Index(
            "ix_journey_occasion_coupon",
            "coupon_code",
            postgresql_where=text("coupon_code IS NOT NULL"),
        ),
    )

    key: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(default=uuid7)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    journey: Mapped[str]
    occasion: Mapped[str | None]
    day: Mapped[date]
    at: Mapped[datetime]
    state: Mapped[str]
    reason: Mapped[str | None]
    points: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    coupon_code: Mapped[str | None]
    told: Mapped[bool] = mapped_column(server_default=text("false"))
    ref: Mapped[str | None]
    created_at: Mapped[datetime]


class JourneyCount(Base):
    """How many occasions of a day became what, written with them; `day` is the members' own."""

    __tablename__ = "journey_count"

    journey: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True, server_default=text("''"))
    n: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    coupons: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
