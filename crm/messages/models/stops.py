"""What stops messages or slows them down: addresses, members, sources, caps, providers."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.policies import PolicyVersion


class Suppression(Base):
    """An address that must not be written to: it bounced for good (`all`) or complained
    (`marketing`). Only its narrow key is kept, so that erasing a member does not lift it."""

    __tablename__ = "suppression"
    __table_args__ = (CheckConstraint("scope IN ('all', 'marketing')", name="scope"),)

    channel: Mapped[str] = mapped_column(primary_key=True)
    address_key: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str]
    reason: Mapped[str]
    hint: Mapped[str | None]
    at: Mapped[datetime]


class MessageBlock(Base):
    """A member who gets no marketing for now. The room that knows why writes the row and deletes
    it: `reason` is one of `Reason`, `ref` what it is about (such as the id of a complaint)."""

    __tablename__ = "message_block"

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]


class MessageSource(Base):
    """A source of messages (a campaign, a journey) that was paused or stopped; no row: it runs."""

    __tablename__ = "message_source"
    __table_args__ = (CheckConstraint("state IN ('running', 'paused', 'stopped')", name="state"),)

    type: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str | None]
    changed_at: Mapped[datetime]


class MessageDay(Base):
    """How many marketing messages a member got on a day by his own clock. The row is the lock
    under which two workers decide who may send him the next."""

    __tablename__ = "message_day"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    sent: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class MessagePolicy(PolicyVersion, Base):
    """One version of quiet hours, caps, retries and rates; append-only, each is whole."""

    __tablename__ = "message_policy"


class MessageProvider(Base):
    """The token bucket of a provider, shared by all workers, and whether it is away.

    Times are the machine's, not the sandbox's: a bucket fills while the test clock stands.
    """

    __tablename__ = "message_provider"
    __table_args__ = (CheckConstraint("per_second > 0 AND burst >= 1", name="rate"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    per_second: Mapped[float] = mapped_column(Double)
    burst: Mapped[int]
    tokens: Mapped[float] = mapped_column(Double)
    refilled_at: Mapped[datetime]
    away_until: Mapped[datetime | None]
    trouble: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
