"""Referrals: who brought whom, what was promised for it, and what came of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from crm.db import Base

STATES = ("open", "review", "released", "void", "rejected")


class Referral(Base):
    """One friend, who was brought once for ever. `promised` are the versions of the rules that
    applied when he registered; `capped`: the referrer had his friends of that month already.

    open → released | void | rejected, by way of review where the two look like one person.
    """

    __tablename__ = "referral"
    __table_args__ = (
        CheckConstraint(
            "state IN ('open', 'review', 'released', 'void', 'rejected')", name="state"
        ),
        CheckConstraint("referrer_id <> referee_id", name="two"),
        Index("ix_referral_open", "referee_id", postgresql_where=text("state = 'open'")),
        Index("ix_referral_referrer_id", "referrer_id", "settled_at"),
        Index("ix_referral_joined_at", "joined_at", "referee_id"),
        Index(
            "ix_referral_review",
            "joined_at",
            "referee_id",
            postgresql_where=text("state = 'review'"),
        ),
    )

    referee_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    referrer_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    joined_at: Mapped[datetime]
    promised: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    reason: Mapped[str | None]
    flags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    order_id: Mapped[UUID | None]
    capped: Mapped[bool] = mapped_column(server_default=text("false"))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    note: Mapped[str | None]
    settled_at: Mapped[datetime | None]
