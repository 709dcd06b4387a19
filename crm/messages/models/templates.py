"""What messages say, in versions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class MessageTemplate(Base):
    """One template; `version` is the newest, which what is planned from now on will say."""

    __tablename__ = "message_template"
    __table_args__ = (
        CheckConstraint("channel IN ('email', 'sms', 'webhook', 'inbox')", name="channel"),
        CheckConstraint("purpose IN ('marketing', 'service')", name="purpose"),
        CheckConstraint("version >= 1", name="version"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    channel: Mapped[str]
    purpose: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class MessageTemplateVersion(Base):
    """One version, for ever: `languages` is {locale: {subject, text, html}} as it was saved.

    The database lets nobody change or delete one.
    """

    __tablename__ = "message_template_version"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    template_id: Mapped[UUID] = mapped_column(ForeignKey("message_template.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    languages: Mapped[dict[str, dict[str, Any]]] = mapped_column(JSONB)
    created_by: Mapped[str]
    created_at: Mapped[datetime]
