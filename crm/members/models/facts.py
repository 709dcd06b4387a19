"""What is known about a member beside the profile: tags, consents, notes, events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class MemberTag(Base):
    """A word that staff or programs put on a member."""

    __tablename__ = "member_tag"
    __table_args__ = (Index("ix_member_tag_tag", "tag", "member_id"),)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    added_at: Mapped[datetime]


class MemberConsent(Base):
    """One decision about one channel and purpose; history is kept, one row is current.

    `actor` recorded it, `source` says where it was given, `wording` which text was shown, `proof`
    what shows it. No row at all means no consent.
    """

    __tablename__ = "member_consent"
    __table_args__ = (
        Index(
            "uq_member_consent_current",
            "member_id",
            "channel",
            "purpose",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index(
            "ix_member_consent_granted",
            "channel",
            "purpose",
            "member_id",
            postgresql_where=text("granted AND superseded_at IS NULL"),
        ),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    channel: Mapped[str]
    purpose: Mapped[str]
    granted: Mapped[bool]
    at: Mapped[datetime]
    wording: Mapped[str | None]
    source: Mapped[str | None]
    proof: Mapped[str | None]
    actor: Mapped[str]
    superseded_at: Mapped[datetime | None]

    @property
    def current(self) -> bool:
        """Whether this is the decision that counts."""
        return self.superseded_at is None


class MemberNote(Base):
    """What staff wrote down about a member."""

    __tablename__ = "member_note"

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    text: Mapped[str]
    at: Mapped[datetime]
    author: Mapped[str]
    author_id: Mapped[UUID | None]


class MemberFingerprint(Base):
    """A device or means of payment that a member used, as a digest of the shop's own hash."""

    __tablename__ = "member_fingerprint"
    __table_args__ = (Index("ix_member_fingerprint_value", "value"),)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    value: Mapped[UUID] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]


class MemberEvent(Base):
    """A fact of the member's timeline that no other room records. `data` holds JSON facts."""

    __tablename__ = "member_event"

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
