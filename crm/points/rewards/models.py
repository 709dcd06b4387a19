"""Tables of rewards. `redeemed` of a reward changes under its row's lock alone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7

KINDS = ("coupon", "good", "gift")
STATES = ("redeemed", "handed_over", "cancelled")


class Reward(Base):
    """Something to be had for points: at [starts_at, ends_at), until it is ended by hand.

    `tier_prices`: points by code of a tier. `redeemed` counts what was not cancelled.
    """

    __tablename__ = "reward"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint("redeemed BETWEEN 0 AND coalesce(stock, redeemed)", name="counters"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    kind: Mapped[str]
    names: Mapped[dict[str, str]] = mapped_column(JSONB)
    descriptions: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    sku: Mapped[str | None]
    coupon_template: Mapped[UUID | None] = mapped_column(ForeignKey("coupon_template.id"))
    points: Mapped[int] = mapped_column(BigInteger)
    tier_prices: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    stock: Mapped[int | None] = mapped_column(BigInteger)
    per_member_limit: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    created_by: Mapped[str]

    @property
    def over_at(self) -> datetime | None:
        """The first instant at which it can't be had any more, or None."""
        return min((at for at in (self.ends_at, self.ended_at) if at is not None), default=None)

    def state_at(self, now: datetime) -> str:
        """announced, open, ended, or sold_out: as of now."""
        if self.over_at is not None and self.over_at <= now:
            return "ended"
        if self.starts_at is not None and self.starts_at > now:
            return "announced"
        return "sold_out" if self.stock is not None and self.redeemed >= self.stock else "open"


class RewardRedemption(Base):
    """A reward that a member took, and what became of it.

    `member_id` is the record that paid, by its entry `spent_seq`; what a merge made of it is found
    by the account. `restored_to` and `restored_seq`: the entry that gave the points back.
    """

    __tablename__ = "reward_redemption"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("uq_reward_redemption_spent", "member_id", "spent_seq", unique=True),
        Index("ix_reward_redemption_reward", "reward_id", "id"),
        Index("ix_reward_redemption_member", "member_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reward_id: Mapped[UUID] = mapped_column(ForeignKey("reward.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    points: Mapped[int] = mapped_column(BigInteger)
    spent_seq: Mapped[int]
    tier: Mapped[str]
    coupon_code: Mapped[str | None] = mapped_column(ForeignKey("coupon.code"))
    state: Mapped[str] = mapped_column(Text, server_default=text("'redeemed'"))
    redeemed_at: Mapped[datetime]
    redeemed_by: Mapped[str]
    handed_over_at: Mapped[datetime | None]
    handed_over_by: Mapped[str | None]
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    restored_to: Mapped[UUID | None]
    restored_seq: Mapped[int | None]
