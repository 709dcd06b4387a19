"""The ladder of tiers, where each member stands on it, and every step."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7

CAUSES = (
    *("first", "upgrade", "kept", "downgrade", "refund", "manual", "floor_ended", "ladder"),
    "merge",
)

DUE = "LEAST(COALESCE(grace_until, valid_until), floor_until)"  # when time alone moves a member


class TierLadder(Base):
    """One version of the ladder; `document` has the shape of `GET /tiers`."""

    __tablename__ = "tier_ladder"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    effective_at: Mapped[datetime]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    counts_points: Mapped[bool] = mapped_column(
        Computed("document @? '$.tiers[*].**.metric ? (@ == \"points_earned\")'", persisted=True)
    )


class TierStanding(Base):
    """The tier a member earned: since when, until when (None: for ever), won by which order.

    `held` is the tier he holds, the floor included. `crm.members.tiers` reads and writes it.
    """

    __tablename__ = "tier_standing"
    __table_args__ = (
        Index("ix_tier_standing_held", "held", "member_id"),
        Index(
            "ix_tier_standing_valid_until",
            "valid_until",
            postgresql_where=text("valid_until IS NOT NULL"),
        ),
        Index("ix_tier_standing_due", text(DUE), postgresql_where=text(f"{DUE} IS NOT NULL")),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    held: Mapped[str]
    tier: Mapped[str]
    since: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    grace_until: Mapped[datetime | None]
    won_by: Mapped[UUID | None]
    beneath: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    floor: Mapped[str | None]
    floor_since: Mapped[datetime | None]
    floor_until: Mapped[datetime | None]
    floor_reason: Mapped[str | None]
    ladder_version: Mapped[int] = mapped_column(ForeignKey("tier_ladder.version"))
    reviewed_at: Mapped[datetime | None]


class TierChange(Base):
    """One step up, down or held; `from_tier` is None for a member's first."""

    __tablename__ = "tier_change"
    __table_args__ = (
        CheckConstraint(f"cause IN ({', '.join(map(repr, CAUSES))})", name="cause"),
        Index("ix_tier_change_at", "at", postgresql_where=text("from_tier IS NOT NULL")),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    from_tier: Mapped[str | None]
    to_tier: Mapped[str]
    earned: Mapped[str]
    cause: Mapped[str]
    order_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
