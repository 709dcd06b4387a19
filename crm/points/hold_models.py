"""Tables of holds and of what was given back.

They change through the ledger's verbs alone (migrations 0010 and 0015).
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base


class PointsHold(Base):
    """Reserved points. Active at t: created_at <= t < coalesce(resolved_at, expires_at).

    `moved_to`: the hold that took its place when its member was merged, or parted again.
    """

    __tablename__ = "points_hold"
    __table_args__ = (
        Index("ix_points_hold_member", "member_id", "created_at"),
        Index("ix_points_hold_end", "expires_at", postgresql_where=text("state = 'held'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    points: Mapped[int] = mapped_column(BigInteger)
    captured: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    reference: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    opened_by: Mapped[int]
    resolved_by: Mapped[int | None]
    moved_to: Mapped[UUID | None]


class PointsHoldLot(Base):
    """How many points of a lot a hold reserves."""

    __tablename__ = "points_hold_lot"

    hold_id: Mapped[UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    points: Mapped[int] = mapped_column(BigInteger)


class PointsRestore(Base):
    """What entry `seq` of `into_member` gave back of what `spent_seq` had taken from a lot.

    `into_lot` is another lot when that one had lapsed, or its member had been merged.
    """

    __tablename__ = "points_restore"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    spent_seq: Mapped[int] = mapped_column(primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    into_member: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    into_lot: Mapped[UUID]
    points: Mapped[int] = mapped_column(BigInteger)
