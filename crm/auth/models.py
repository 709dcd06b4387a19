"""The tables of API keys, staff, sessions, tries to sign in, and approvals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class ApiKey(Base):
    """A program's key. Its secret is known to its owner only; here stands its SHA-256."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("kind IN ('live', 'test')", name="kind"),
        CheckConstraint("cardinality(scopes) > 0", name="scopes"),
        CheckConstraint("octet_length(secret_hash) = 32", name="hash"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    prefix: Mapped[str]  # the first characters of the secret, to tell keys apart
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    kind: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    replaces: Mapped[UUID | None] = mapped_column(ForeignKey("api_key.id"))
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Staff(Base):
    """A person who works with the console. Accounts are disabled, never deleted."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email"),
        CheckConstraint(
            "role IN ('clerk', 'manager', 'marketer', 'analyst', 'admin')", name="role"
        ),
        CheckConstraint("locale IN ('en', 'zh-Hans', 'zh-Hant')", name="locale"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]  # argon2id
    role: Mapped[str]
    store: Mapped[str | None]  # the only store this account sees; None for all of them
    locale: Mapped[str]
    member_id: Mapped[UUID | None]  # the person's own member record, where there is one
    active: Mapped[bool]
    created_at: Mapped[datetime]
    password_changed_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class StaffSession(Base):
    """One signed-in browser. The token is in its cookie only; here stands its SHA-256."""

    __tablename__ = "staff_session"
    __table_args__ = (CheckConstraint("octet_length(token_hash) = 32", name="hash"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    user_agent: Mapped[str]
    revoked_at: Mapped[datetime | None]


class LoginAttempt(Base):
    """A try to sign in that has not succeeded (yet); what the throttle counts."""

    __tablename__ = "login_attempt"
    __table_args__ = (
        Index("ix_login_attempt_account_at", "account", "at"),
        Index("ix_login_attempt_address_at", "address", "at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]


class Approval(Base):
    """An act that waits, or waited, for a second person. Decided once; the database sees to it."""

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint(
            "state IN ('pending', 'approved', 'denied', 'expired', 'cancelled')", name="state"
        ),
        CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(state = 'approved') = (result IS NOT NULL)", name="result"),
        CheckConstraint("state <> 'denied' OR reason IS NOT NULL", name="reason"),
        CheckConstraint(
            "state NOT IN ('approved', 'denied') OR decider_id IS DISTINCT FROM requester_id",
            name="four_eyes",
        ),
        CheckConstraint("expires_at > requested_at", name="time"),
        Index("ix_approval_pending", "expires_at", postgresql_where=text("state = 'pending'")),
        Index("ix_approval_subject", "subject_type", "subject_id", "id"),
        Index("ix_approval_requester_id_id", "requester_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    requester_kind: Mapped[str]
    requester_id: Mapped[UUID | None]
    requester_name: Mapped[str]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    decider_kind: Mapped[str | None]
    decider_id: Mapped[UUID | None]
    decider_name: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
