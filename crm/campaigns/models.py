"""Tables of campaigns. A campaign's own row is the lock under which it changes its state."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7
from crm.policies import PolicyVersion

STATES = ("draft", "scheduled", "launching", "running", "paused", "done", "cancelled")
OPEN = ("scheduled", "launching", "running", "paused")  # launched, and not at its end
MODES = ("frozen", "live")
HELD_OUT = 0  # the `arm` of members who get nothing, to compare with
MOST_ARMS = 4


class Campaign(Base):
    """An offer to an audience. `revision` grows with each change of the draft.

    `audience` and `schedule` are kept as they were at the launch. `frozen_until`: members whose
    time comes up to then have their rows; `next_freeze_at`: when the next ones get theirs (None:
    all have). Rows up to (`made_due_at`, `made_member_id`) have their messages. `members` counts
    rows, `made` messages, `spent` what was set aside of `budget`, in minor units.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"mode IN {MODES}", name="mode"),
        CheckConstraint("holdout_percent BETWEEN 0 AND 90", name="holdout"),
        CheckConstraint("spent BETWEEN 0 AND coalesce(budget, spent)", name="budget"),
        CheckConstraint("made BETWEEN 0 AND members", name="made"),
        CheckConstraint("(state = 'draft') = (launched_at IS NULL)", name="launched"),
        Index(
            "ix_campaign_open",
            "id",
            postgresql_where=text("state NOT IN ('draft', 'done') AND cleared_at IS NULL"),
        ),
        Index("ix_campaign_starts_at", "starts_at", postgresql_where=text("starts_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'draft'"))
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    audience_id: Mapped[UUID | None]
    exclude: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    holdout_percent: Mapped[int] = mapped_column(SmallInteger)
    schedule: Mapped[dict[str, Any]] = mapped_column(JSONB)
    mode: Mapped[str] = mapped_column(server_default=text("'frozen'"))
    budget: Mapped[int | None] = mapped_column(BigInteger)
    attribution_days: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    created_by: Mapped[str]
    launched_at: Mapped[datetime | None]
    launched_by: Mapped[str | None]
    audience: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    waterfall: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    frozen_until: Mapped[datetime | None]
    next_freeze_at: Mapped[datetime | None]
    members: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    made: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    made_due_at: Mapped[datetime | None]
    made_member_id: Mapped[UUID | None]
    spent: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    finished_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]


class CampaignArm(Base):
    """One offer of a campaign, `no` 1 to 4. What one message costs was reckoned at the launch."""

    __tablename__ = "campaign_arm"
    __table_args__ = (
        ForeignKeyConstraint(
            ["template_id", "template_version"],
            ["message_template_version.template_id", "message_template_version.version"],
        ),
        CheckConstraint("no BETWEEN 1 AND 4", name="no"),
        CheckConstraint("weight BETWEEN 1 AND 1000", name="weight"),
        CheckConstraint("points BETWEEN 0 AND 1000000", name="points"),
    )

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    no: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    template_id: Mapped[UUID] = mapped_column(ForeignKey("message_template.id"))
    template_version: Mapped[int | None]
    coupon_template_id: Mapped[UUID | None] = mapped_column(ForeignKey("coupon_template.id"))
    points: Mapped[int] = mapped_column(server_default=text("0"))
    weight: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    cost_each: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class CampaignMember(Base):
    """A member of a campaign's audience as it was frozen: what he is to get, and when.

    `arm` 1 to 4, or 0: held out. None: nothing, for `reason` (a reason of messages). Without
    foreign keys: a million rows are written at once, from members that were just read.
    """

    __tablename__ = "campaign_member"
    __table_args__ = (
        CheckConstraint("(arm IS NULL) = (reason IS NOT NULL)", name="arm"),
        Index("ix_campaign_member_due", "campaign_id", "due_at", "member_id"),
    )

    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    arm: Mapped[int | None] = mapped_column(SmallInteger)
    reason: Mapped[str | None]
    due_at: Mapped[datetime]


class CampaignPolicy(PolicyVersion, Base):
    """One version of what holds for all campaigns; append-only, each is whole."""

    __tablename__ = "campaign_policy"


class CampaignSpentBefore(Base):
    """What a member bought in the time before his due_at, in minor units; no row: nothing.

    Written once, so that nothing that a campaign brings about can find its way into it.
    """

    __tablename__ = "campaign_spent_before"

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    arm: Mapped[int] = mapped_column(SmallInteger)
    spent: Mapped[int] = mapped_column(BigInteger)


class CampaignMeasured(Base):
    """Up to which due_at (inclusive) the members of a campaign were measured."""

    __tablename__ = "campaign_measured"

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    upto: Mapped[datetime]
