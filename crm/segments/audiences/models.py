"""Saved audiences, and the members of those that are lists."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class Audience(Base):
    """A named filter, or a named list. `members` is what was counted last, at `counted_at`."""

    __tablename__ = "audience"
    __table_args__ = (
        CheckConstraint("kind IN ('filter', 'list')", name="kind"),
        CheckConstraint("(kind = 'filter') = (filter IS NOT NULL)", name="filter"),
        Index(
            "uq_audience_name",
            "name",
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    description: Mapped[str | None]
    kind: Mapped[str]
    filter: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    version: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    created_by: Mapped[str]
    archived_at: Mapped[datetime | None]
    members: Mapped[int | None]
    counted_at: Mapped[datetime | None]


class AudienceMember(Base):
    """A member of an audience that is a list. One whose record was merged counts as the one that
    lives on; who was erased does not count."""

    __tablename__ = "audience_member"
    __table_args__ = (Index("ix_audience_member_member_id", "member_id"),)

    audience_id: Mapped[UUID] = mapped_column(ForeignKey("audience.id"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    added_at: Mapped[datetime]
