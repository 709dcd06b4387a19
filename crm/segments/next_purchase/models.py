"""Tables of next purchases. Days are local days; times aware UTC."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Float, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class StoreRhythm(Base):
    """Quartiles of the gaps between purchase days at this store, for one category.

    `category` is empty for purchases of any kind. At most five gaps of each member count, so that
    the few who buy all the time do not speak for all.
    """

    __tablename__ = "store_rhythm"
    __table_args__ = (
        CheckConstraint(
            "1 <= lower_days AND lower_days <= middle_days AND middle_days <= upper_days",
            name="quartiles",
        ),
    )

    category: Mapped[str] = mapped_column(primary_key=True)
    members: Mapped[int]
    gaps: Mapped[int]
    lower_days: Mapped[float] = mapped_column(Float)
    middle_days: Mapped[float] = mapped_column(Float)
    upper_days: Mapped[float] = mapped_column(Float)
    measured_at: Mapped[datetime]


class UsualWindow(Base):
    """When a member usually buys again, as of last night: days after his last purchase.

    `gaps` counts his own; with 0 the window is the store's alone. `opens` and `closes` are the same
    window as days of the calendar, both included.
    """

    __tablename__ = "usual_window"
    __table_args__ = (
        CheckConstraint(
            "1 <= lower_days AND lower_days <= middle_days AND middle_days <= upper_days",
            name="days",
        ),
        Index("ix_usual_window_opens", "opens", "closes"),
    )

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True)
    last_day: Mapped[date]
    gaps: Mapped[int]
    lower_days: Mapped[int]
    middle_days: Mapped[int]
    upper_days: Mapped[int]
    opens: Mapped[date]
    closes: Mapped[date]


class PatternBuild(Base):
    """When a table of patterns (`usual_window`, `baskets`) was last made, and from what."""

    __tablename__ = "pattern_build"

    name: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)


class NextPurchaseModel(Base):
    """One night's models, one per horizon, each with its back-test.

    `day` is the last whole day that it knows; the same day gives the same model. `input_hash` is
    SHA-256, hexadecimal, of the purchases it learned from. `categories`: the models of who buys in
    which category (`crm.segments.next_purchase.categories.back_test.document`); None: of a night
    that did not learn them.
    """

    __tablename__ = "next_purchase_model"
    __table_args__ = (UniqueConstraint("day"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    day: Mapped[date]
    as_of: Mapped[datetime]
    horizons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    categories: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    sample: Mapped[dict[str, Any]] = mapped_column(JSONB)
    versions: Mapped[dict[str, str]] = mapped_column(JSONB)
    input_hash: Mapped[str]
    created_at: Mapped[datetime]


class NextPurchase(Base):
    """A customer's chances to buy within 7, 30 and 90 days, as of last night.

    NULL where the model abstains. `place`: the share of customers who are less likely to buy.
    """

    __tablename__ = "next_purchase"
    __table_args__ = (
        CheckConstraint(
            "chance_7 BETWEEN 0 AND 1 AND chance_30 BETWEEN 0 AND 1 AND chance_90 BETWEEN 0 AND 1"
            " AND place BETWEEN 0 AND 1",
            name="shares",
        ),
    )

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    chance_7: Mapped[float | None] = mapped_column(Float)
    chance_30: Mapped[float | None] = mapped_column(Float)
    chance_90: Mapped[float | None] = mapped_column(Float)
    place: Mapped[float] = mapped_column(Float)
    model_id: Mapped[UUID]
