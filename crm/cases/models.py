"""Cases, their history, and the policy that new ones follow."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7
from crm.policies import PolicyVersion

KINDS = ("product", "delivery", "service", "refund", "points", "rating", "other")
SOURCES = ("staff", "survey", "api")
OPEN, IN_PROGRESS, WAITING, CLOSED = "open", "in_progress", "waiting", "closed"
STATES = (OPEN, IN_PROGRESS, WAITING, CLOSED)
REASONS = ("resolved", "refunded", "replaced", "compensated", "unfounded", "no_answer", "duplicate")
EVENTS = ("opened", "comment", "changed", "closed", "reopened", "overdue")
NOT_CLOSED = sql("state <> 'closed'")


class Case(Base):
    """A member's complaint. `order_id`: what it is about; `rating`: the one that opened it.

    `occasion` is what opened it where that is no person, unique for life. `overdue_at`: when it was
    announced that nobody had closed it in time; whether it is overdue never waits for that.
    """

    __tablename__ = "member_case"
    __table_args__ = (
        CheckConstraint("source IN ('staff', 'survey', 'api')", name="source"),
        CheckConstraint(
            "state IN ('open', 'in_progress', 'waiting', 'closed')"
            " AND (state = 'closed') = (closed_at IS NOT NULL)"
            " AND (state = 'closed') = (reason IS NOT NULL)",
            name="state",
        ),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        Index("ix_member_case_member", "member_id", "id"),
        Index("ix_member_case_due", "due_at", "id", postgresql_where=NOT_CLOSED),
        Index("ix_member_case_owner", "owner_id", "id", postgresql_where=NOT_CLOSED),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    came_with: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    source: Mapped[str]
    occasion: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str | None]
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(server_default=sql("'open'"))
    reason: Mapped[str | None]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    due_at: Mapped[datetime]
    overdue_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    opened_by: Mapped[str]
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been closed by now."""
        return self.state != CLOSED and self.due_at <= now


class CaseEvent(Base):
    """What happened to a case: {"field": [before, after]} and what somebody wrote.

    Append-only: the database lets nothing be changed but a text taken away.
    """

    __tablename__ = "member_case_event"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('opened', 'comment', 'changed', 'closed', 'reopened', 'overdue')", name="kind"
        ),
        Index("ix_member_case_event_case", "case_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("member_case.id"))
    member_id: Mapped[UUID]
    at: Mapped[datetime]
    kind: Mapped[str]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sql("'{}'"))
    text: Mapped[str | None]
    actor: Mapped[str]
    actor_id: Mapped[UUID | None]


class CasePolicy(PolicyVersion, Base):
    """One version of what new cases follow; append-only, each is whole."""

    __tablename__ = "case_policy"
