"""Which records turned out to be one person's."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class MemberMerge(Base):
    """One record went into another. `moved` holds, room by room, what an undo needs: ids, figures,
    names of fields; never contacts, which the identities themselves remember.
    """

    __tablename__ = "member_merge"
    __table_args__ = (
        Index(
            "uq_member_merge_standing",
            "from_id",
            unique=True,
            postgresql_where=text("undone_at IS NULL"),
        ),
        Index("ix_member_merge_into_id", "into_id"),
        CheckConstraint("from_id <> into_id", name="two"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    from_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    into_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    at: Mapped[datetime]
    actor: Mapped[str]
    moved: Mapped[dict[str, Any]] = mapped_column(JSONB)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
