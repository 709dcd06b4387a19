"""One row per message to one member, what providers told of it, and how many became what."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7

WAITING = text("state = 'waiting'")
EMPTY = text("'{}'")


class Message(Base):
    """What is told one member once. `occasion` says why, in words that are unique for life.

    `fallback_template_id` says it by another channel if the first reaches nobody when it goes.
    `variables` fill the template together with the member's own fields. `zone` counts for members
    that have none. Times: `due_at` not before (None while its source is paused), `not_after` too
    late. `fence` grows with each attempt, so that only the newest may record what came of it.
    """

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint("channel IN ('email', 'sms', 'webhook', 'inbox')", name="channel"),
        CheckConstraint("purpose IN ('marketing', 'service')", name="purpose"),
        Index("ix_message_due", "channel", "purpose", "due_at", "id", postgresql_where=WAITING),
        Index("ix_message_waiting", "member_id", postgresql_where=WAITING),
        Index("ix_message_lease", "lease_until", postgresql_where=text("state = 'sending'")),
        Index("ix_message_member", "member_id", "id"),
        Index("ix_message_source", "source_type", "source_id", "id"),
        Index(
            "ix_message_state",
            "state",
            "id",
            postgresql_where=text("state IN ('failed', 'unknown', 'suppressed')"),
        ),
        Index(
            "ix_message_provider_ref",
            "provider",
            "provider_ref",
            postgresql_where=text("provider_ref IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    member_id: Mapped[UUID]  # it and the template are checked by a trigger, once per statement
    occasion: Mapped[str | None]
    occasion_key: Mapped[UUID] = mapped_column(unique=True)
    channel: Mapped[str]
    purpose: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    template_id: Mapped[UUID | None]
    template_version: Mapped[int | None]
    fallback_template_id: Mapped[UUID | None]
    fallback_version: Mapped[int | None]
    variables: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=EMPTY)
    source_type: Mapped[str]
    source_id: Mapped[str]
    zone: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    due_at: Mapped[datetime | None]
    not_after: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    local_day: Mapped[date | None]
    locale: Mapped[str | None]
    address: Mapped[str | None]
    provider: Mapped[str | None]
    provider_ref: Mapped[str | None]
    segments: Mapped[int | None] = mapped_column(SmallInteger)
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 4))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class MessageFlight(Base):
    """A batch in the hands of a worker: which places of `ids` were begun, which were taken, as
    bits. `given_up`: others decided, so that its worker may begin no more of it."""

    __tablename__ = "message_flight"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    fences: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    begun: Mapped[bytes]
    taken: Mapped[bytes]
    given_up: Mapped[bool] = mapped_column(server_default=text("false"))
    opened_at: Mapped[datetime]


class MessageEvent(Base):
    """What happened to a message: not_taken, fell_back, delivered, bounced, opened, clicked,
    complained, replied, opted_out. An event that a provider tells twice is one row."""

    __tablename__ = "message_event"
    __table_args__ = (
        Index(
            "uq_message_event_provider_event",
            "provider",
            "provider_event",
            unique=True,
            postgresql_where=text("provider_event IS NOT NULL"),
        ),
    )

    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    kind: Mapped[str]
    at: Mapped[datetime]
    provider: Mapped[str | None]
    provider_event: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=EMPTY)


class MessageCount(Base):
    """A part of how many messages of a source became what; the parts add up at every instant.

    Triggers of `message` write them. Nobody waits: nothing is changed in place.
    """

    __tablename__ = "message_count"
    __table_args__ = (Index("ix_message_count_source", "source_type", "source_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source_type: Mapped[str]
    source_id: Mapped[str]
    figure: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    n: Mapped[int] = mapped_column(BigInteger)


class SandboxMessage(Base):
    """What would have been sent, and is shown instead; the id is the message's. Mail to staff has
    no member."""

    __tablename__ = "sandbox_message"
    __table_args__ = (Index("ix_sandbox_message_member", "member_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID | None]
    channel: Mapped[str]
    address: Mapped[str | None]
    locale: Mapped[str]
    subject: Mapped[str | None]
    text: Mapped[str | None]
    html: Mapped[str | None]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=EMPTY)
    at: Mapped[datetime]
