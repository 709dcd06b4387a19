"""Accounts, entries, lots, movements. They change through the ledger's verbs alone (see 0004).

`points_entry` and `points_movement` are append-only; the database itself refuses anything else.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base


class PointsAccount(Base):
    """One row a member: the lock, the last seq, the head of the chain of hashes.

    `merged_into`: the account that has its points now. It is empty as long as that is set.
    """

    __tablename__ = "points_account"
    __table_args__ = (
        Index(
            "ix_points_account_merged_into",
            "merged_into",
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
        Index(
            "ix_points_account_debt",
            "member_id",
            postgresql_include=["debt"],
            postgresql_where=text("debt > 0"),
        ),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(server_default=text("0"))
    balance: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    debt: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lifetime_earned: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    head: Mapped[bytes] = mapped_column(server_default=text("''"))
    holds: Mapped[int] = mapped_column(server_default=text("0"))
    active_at: Mapped[datetime | None]
    merged_into: Mapped[UUID | None]


class PointsEntry(Base):
    """What happened to a member's points. Entries of points > 0 opened the lot `opened_by` seq."""

    __tablename__ = "points_entry"
    __table_args__ = (
        Index("ix_points_entry_recorded_at", "recorded_at", postgresql_using="brin"),
        Index(
            "ix_points_entry_by_rules",
            "member_id",
            "occurred_at",
            postgresql_where=text("kind = 'award' AND data IS NOT NULL"),
        ),
        Index(
            "ix_points_entry_spent",
            "id",
            postgresql_where=text("kind IN ('redeem', 'capture')"),
        ),
    )

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(server_default=text("uuidv7()"))
    kind: Mapped[str]
    points: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    source_type: Mapped[str]
    source_id: Mapped[str]
    actor: Mapped[str | None]
    reason: Mapped[str | None]
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    hash: Mapped[bytes]


class PointsLot(Base):
    """Points that share one expiry. Spendable in [available_at, expires_at); NULL expiry: never."""

    __tablename__ = "points_lot"
    __table_args__ = (
        Index("ix_points_lot_lapse", "expires_at", postgresql_where=text("remaining > 0")),
        Index(
            "ix_points_lot_release",
            "available_at",
            postgresql_where=text("released_at IS NULL AND remaining > 0"),
        ),
    )

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    opened_by: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger)
    available_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    idle_months: Mapped[int | None] = mapped_column(SmallInteger)
    lasts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class PointsMovement(Base):
    """What an entry took from a lot (negative) or gave back to it."""

    __tablename__ = "points_movement"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)


class PointsSource(Base):
    """One effect per business source, for ever: the key is `digest_id(source_type, source_id)`."""

    __tablename__ = "points_source"

    key: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    seq: Mapped[int]


class PointsMergeLot(Base):
    """The lot that a merge, or its undo, emptied, and the one that it opened for it."""

    __tablename__ = "points_merge_lot"

    merge_id: Mapped[UUID] = mapped_column(primary_key=True)
    from_member: Mapped[UUID]
    from_lot: Mapped[UUID]
    to_member: Mapped[UUID]
    to_lot: Mapped[UUID] = mapped_column(primary_key=True)
