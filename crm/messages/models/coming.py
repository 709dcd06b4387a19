"""What comes to a member by the app, and what comes back from members."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class InboxMessage(Base):
    """A message in a member's in-app inbox, as he reads it; the id is the message's."""

    __tablename__ = "inbox_message"
    __table_args__ = (
        Index("ix_inbox_message_member_id_id", "member_id", "id"),
        Index("ix_inbox_message_unread", "member_id", postgresql_where=text("read_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("message.id"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    purpose: Mapped[str]
    locale: Mapped[str]
    subject: Mapped[str | None]
    text: Mapped[str]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class MessageReply(Base):
    """What somebody replied. `hint` is the address in part; no member has it where `member_id` is
    None. One that a provider tells twice is one row."""

    __tablename__ = "message_reply"
    __table_args__ = (
        UniqueConstraint("provider", "provider_event"),
        Index("ix_message_reply_member_id_id", "member_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    channel: Mapped[str]
    provider: Mapped[str]
    provider_event: Mapped[str]
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    hint: Mapped[str]
    text: Mapped[str]
    opted_out: Mapped[bool]
    at: Mapped[datetime]
