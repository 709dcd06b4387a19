"""The table of adjustments' days. The adjustments themselves are entries of the ledger."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base


class AdjustmentDay(Base):
    """What one person, or key, answered for on one day: given plus taken. The row is the lock."""

    __tablename__ = "points_adjustment_day"
    __table_args__ = (CheckConstraint("points >= 0", name="points"),)

    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
