"""One row for each time that a member is asked how it was."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base


class Survey(Base):
    """A question that was put to a member once, and his answer.

    `occasion` is unique for life and the same as that of the message that asks. `points`,
    `low_at_most` and `case_days` are the terms on which it was asked: what an answer earns (None:
    what the programme's rules give), up to which rating a case is opened, and in how many days that
    is due (0: as the policy of cases says). `granted`: what the answer earned. `came_with`: the
    merged record that brought it.
    """

    __tablename__ = "survey"
    __table_args__ = (
        CheckConstraint(
            "rating BETWEEN 1 AND 5 AND (rating IS NULL) = (answered_at IS NULL)", name="answer"
        ),
        CheckConstraint(
            "points >= 0 AND low_at_most BETWEEN 0 AND 5 AND case_days BETWEEN 0 AND 366"
            " AND expires_at > opened_at",
            name="terms",
        ),
        Index("ix_survey_member", "member_id", "id"),
        Index("ix_survey_order", "order_id", postgresql_where=text("order_id IS NOT NULL")),
        Index("ix_survey_opened", "opened_at"),
        Index(
            "ix_survey_answered",
            "answered_at",
            "id",
            postgresql_where=text("answered_at IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    came_with: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    occasion: Mapped[str] = mapped_column(unique=True)
    journey: Mapped[str | None]
    order_id: Mapped[UUID | None]
    points: Mapped[int | None] = mapped_column(BigInteger)
    low_at_most: Mapped[int] = mapped_column(SmallInteger)
    case_days: Mapped[int] = mapped_column(SmallInteger)
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    text: Mapped[str | None]
    locale: Mapped[str | None]
    granted: Mapped[int | None] = mapped_column(BigInteger)
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey("member_case.id"))
