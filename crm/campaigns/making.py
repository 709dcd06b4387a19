"""Making messages of an audience's rows, in chunks: each with what its members are given.

A chunk is one transaction: messages, coupons, points, the money set aside and how far it came. So
a worker that is killed has done a chunk whole or not at all, and no two do the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import drafts, giving, plan
from crm.campaigns.gifts import Wanted
from crm.campaigns.models import HELD_OUT, Campaign, CampaignArm
from crm.db import db
from crm.messages import planning
from crm.messages.planning import Source
from crm.messages.states import Reason, State

MOST, MOST_GIFTS = 10_000, 1_000
ACTIVITY = "campaign"
START = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))

ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('campaign:' || :id, 0))")
CHUNK = text("""
    WITH chunk AS (
        SELECT due_at, member_id FROM campaign_member
        WHERE campaign_id = :campaign AND (due_at, member_id) > (:due_at, :member_id)
          AND due_at <= :now
        ORDER BY due_at, member_id LIMIT :most
    )
    SELECT due_at, member_id, (SELECT count(*) FROM chunk) AS members
    FROM chunk ORDER BY due_at DESC, member_id DESC LIMIT 1
""")
RANGE = """
    campaign_id = :campaign AND (due_at, member_id) > (:due_at, :member_id)
    AND (due_at, member_id) <= (:upto_due_at, :upto_member_id)
"""
OCCASION = "'campaign:' || campaign_id || ':' || member_id"
# Rows that get nothing, and those of an arm that gives nothing but its message.
MESSAGES = f"""
    SELECT member_id, {OCCASION} AS occasion, NULL::jsonb AS variables,
           CASE WHEN CAST(:state AS text) IS NULL AND arm > 0 THEN due_at END AS due_at,
           NULL::timestamptz AS not_after,
           CASE WHEN arm IS NULL THEN 'suppressed' WHEN arm = 0 THEN 'holdout'
                ELSE CAST(:state AS text) END AS state,
           CASE WHEN arm IS NULL THEN reason WHEN arm > 0 THEN CAST(:reason AS text) END AS reason
    FROM campaign_member
    WHERE {RANGE} AND (CASE WHEN :arm = 0 THEN arm IS NULL OR arm = 0 ELSE arm = :arm END)
"""  # noqa: S608  # constants of this module
GIFTED = text(f"""
    SELECT member_id, {OCCASION} AS occasion, due_at FROM campaign_member
    WHERE {RANGE} AND arm = :arm ORDER BY due_at, member_id
""")  # noqa: S608  # as above
DUE_NEXT = text("""
    SELECT due_at FROM campaign_member
    WHERE campaign_id = :campaign AND (due_at, member_id) > (:due_at, :member_id)
    ORDER BY due_at, member_id LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows from one place (exclusive) to another (inclusive), and how many there are."""

    params: dict[str, Any]
    upto: tuple[datetime, UUID]
    members: int


def alone(campaign_id: UUID) -> bool:
    """Whether this transaction alone works on the campaign; the others may leave it to this."""
    return db.session.execute(ALONE, {"id": str(campaign_id)}).scalar_one()


def source(campaign_id: UUID) -> Source:
    """What a campaign's messages, coupons and points say they come from."""
    return Source("campaign", str(campaign_id))


def next_due(found: Campaign) -> datetime | None:
    """When the next row is due that has no message; None: all have."""
    if found.made >= found.members:
        return None
    due_at, member_id = _place(found)
    values = {"campaign": found.id, "due_at": due_at, "member_id": member_id}
    return db.session.execute(DUE_NEXT, values).scalar()


def make(found: Campaign, *, now: datetime) -> int:
    """Make the messages of the next rows that are due; returns how many rows they were.

    `found` is under its lock, and the caller is `alone`.
    """
    arms = drafts.arms_of(found.id)
    gives = any(_is_gift(found, arm) for arm in arms)
    chunk = _chunk(found, MOST_GIFTS if gives else MOST, now)
    if chunk is None:
        return 0
    channel = plan.channel_of(arms)
    _plan(found, chunk, HELD_OUT, None, channel, now)
    for arm in arms:
        if _is_gift(found, arm):
            _give(found, arm, chunk, channel, now)
        else:
            _plan(found, chunk, arm.no, arm, channel, now)
    _advance(found, chunk)
    return chunk.members


def cancel_rest(found: Campaign, *, far: datetime, now: datetime) -> int:
    """Write down that the next rows, due before `far`, get nothing any more; returns how many."""
    chunk = _chunk(found, MOST, far)
    if chunk is None:
        return 0
    arms = drafts.arms_of(found.id)
    channel = plan.channel_of(arms)
    for no in (HELD_OUT, *(arm.no for arm in arms)):
        _plan(found, chunk, no, None, channel, now, state=State.CANCELLED, reason=Reason.CANCELLED)
    _advance(found, chunk)
    return chunk.members


def _is_gift(found: Campaign, arm: CampaignArm) -> bool:
    """Whether members of an arm have to be gone through one by one."""
    return bool(arm.points or arm.coupon_template_id or (found.budget is not None
                                                         and arm.cost_each))  # fmt: skip


def _place(found: Campaign) -> tuple[datetime, UUID]:
    if found.made_due_at is None or found.made_member_id is None:
        return START
    return found.made_due_at, found.made_member_id


def _chunk(found: Campaign, most: int, now: datetime) -> Chunk | None:
    due_at, member_id = _place(found)
    values = {"campaign": found.id, "due_at": due_at, "member_id": member_id}
    last = db.session.execute(CHUNK, values | {"now": now, "most": most}).one_or_none()
    if last is None:
        return None
    upto = {"upto_due_at": last.due_at, "upto_member_id": last.member_id}
    return Chunk(values | upto, (last.due_at, last.member_id), last.members)


def _plan(
    found: Campaign,
    chunk: Chunk,
    no: int,
    arm: CampaignArm | None,
    channel: str,
    now: datetime,
    *,
    state: State | None = None,
    reason: Reason | None = None,
) -> None:
    """Messages for the rows of an arm (0: those who get nothing), in one statement."""
    planning.plan_select(
        MESSAGES,
        chunk.params | {"arm": no, "state": state, "reason": reason},
        template_id=arm.template_id if arm else None,
        version=arm.template_version if arm else None,
        source=source(found.id),
        now=now,
        channel=channel,
    )


def _give(found: Campaign, arm: CampaignArm, chunk: Chunk, channel: str, now: datetime) -> None:
    """Give an arm's members what they get, as long as the budget lasts, and say so."""
    rows = db.session.execute(GIFTED, chunk.params | {"arm": arm.no}).all()
    most = len(rows)
    if found.budget is not None and arm.cost_each:
        most = min(most, (found.budget - found.spent) // arm.cost_each)
    wanted = [
        Wanted(row.member_id, row.occasion, arm.points, arm.coupon_template_id, due_at=row.due_at)
        for row in rows[:most]
    ]
    given = giving.give(
        wanted,
        source=source(found.id),
        activity=ACTIVITY,
        template_id=arm.template_id,
        version=arm.template_version,
        reason=found.name,
        now=now,
    )
    none = [(row, Reason.BUDGET) for row in rows[most:]]
    none += [
        (row, _reason(one.refused)) for row, one in zip(rows, given, strict=False) if one.refused
    ]
    _tell_nothing(found, none, channel, now)
    if found.budget is not None:
        found.spent += arm.cost_each * sum(one.refused is None for one in given)
        db.session.flush()


def _reason(refused: str) -> Reason:
    """What stands on the message of a member who could not be given anything."""
    if refused == giving.MEMBER_GONE:
        return Reason.MEMBER_ERASED
    return Reason.BUDGET if refused == "budget_exhausted" else Reason.POOL_EMPTY


def _tell_nothing(
    found: Campaign, none: Sequence[tuple[Any, Reason]], channel: str, now: datetime
) -> None:
    if not none:
        return
    rows = [
        {"member_id": row.member_id, "occasion": row.occasion, "state": State.SUPPRESSED,
         "reason": reason}
        for row, reason in none
    ]  # fmt: skip
    planning.plan_many(rows, template_id=None, source=source(found.id), now=now, channel=channel)


def _advance(found: Campaign, chunk: Chunk) -> None:
    found.made += chunk.members
    found.made_due_at, found.made_member_id = chunk.upto
    db.session.flush()
