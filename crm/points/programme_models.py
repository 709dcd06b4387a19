"""Tables of the programme: versions of its settings and rules, and the stamp of the whole."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base


class ProgrammeVersion(Base):
    """One version of the settings. Append-only. `document` is whole, never a part."""

    __tablename__ = "points_programme"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    effective_at: Mapped[datetime]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class RuleVersion(Base):
    """One version of a rule: counts for orders placed in [valid_from, superseded_at).

    The database lets nothing change but `superseded_at`, once.
    """

    __tablename__ = "points_rule"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("ends_at > starts_at", name="window"),
        CheckConstraint("superseded_at >= valid_from", name="validity"),
        Index(
            "uq_points_rule_open", "id", unique=True, postgresql_where=text("superseded_at IS NULL")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    valid_from: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class RulebookStamp(Base):
    """The one row that says when anything of the programme or its rules changed (by triggers)."""

    __tablename__ = "points_rulebook"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    stamp: Mapped[UUID] = mapped_column(server_default=text("uuidv7()"))
