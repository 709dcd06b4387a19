"""A launched campaign: one step after the other until its end; paused, resumed, cancelled.

Any worker takes the next step of any campaign. What the step is stands in the campaign's row, and
each ends with a commit: so a step happens once, whatever dies on the way.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select, text

from crm import audit
from crm.campaigns import drafts, freezing, making
from crm.campaigns.errors import CampaignNotPaused, CampaignNotRunning, CampaignOver
from crm.campaigns.models import OPEN, Campaign
from crm.coupons import recalling
from crm.db import db
from crm.messages import sources

FAR = datetime(9000, 1, 1, tzinfo=UTC)
BACK = 10_000

# Coupons of members who were told nothing: their messages were cancelled or not to be sent.
UNTOLD = text("""
    SELECT c.code FROM message m
    JOIN coupon c ON c.member_id = m.member_id AND c.occasion = m.occasion AND c.state = 'issued'
    WHERE m.source_type = 'campaign' AND m.source_id = :id
      AND m.state IN ('cancelled', 'suppressed')
      AND c.template_id = ANY (:templates) AND c.source_type = 'campaign' AND c.source_id = :id
    LIMIT :most
""")


def step(campaign_id: UUID, *, now: datetime) -> bool:
    """Take a campaign's next step, in the caller's transaction; whether another may follow now."""
    if not making.alone(campaign_id):
        return False  # somebody is at it
    found = drafts.get(campaign_id)
    if _freezes(found, now):
        freezing.freeze(campaign_id, now=now)
        _settle(drafts.lock(campaign_id), now)
        return True
    found = drafts.lock(campaign_id)
    if found.state == "cancelled":
        return found.cleared_at is None and _clear(found, now)
    if found.state not in OPEN or found.state == "paused":
        return False
    made = making.make(found, now=now)
    _settle(found, now)
    return bool(made) or (found.state == "running" and _finish(found, now))


def pause(campaign_id: UUID, *, now: datetime) -> Campaign:
    """Let nothing go from now on; what a worker is sending right now goes.

    Raises `CampaignNotFound`, `CampaignNotRunning`.
    """
    found = drafts.lock(campaign_id)
    if found.state not in OPEN or found.state == "paused":
        raise CampaignNotRunning(state=found.state)
    sources.pause(making.source(campaign_id), now=now)
    _become(found, "paused", now)
    return found


def resume(campaign_id: UUID, *, now: datetime) -> Campaign:
    """Go on with exactly the rest. Raises `CampaignNotFound`, `CampaignNotPaused`."""
    found = drafts.lock(campaign_id)
    if found.state != "paused":
        raise CampaignNotPaused(state=found.state)
    sources.resume(making.source(campaign_id), now=now)
    _become(found, _state(found, now), now)
    return found


def cancel(campaign_id: UUID, *, now: datetime, reason: str | None = None) -> Campaign:
    """End it: what has not gone does not go, and its coupons come back.

    Raises `CampaignNotFound`, `CampaignOver`.
    """
    found = drafts.lock(campaign_id)
    if found.state not in OPEN:
        raise CampaignOver(state=found.state)
    sources.stop(making.source(campaign_id), now=now)
    _become(found, "cancelled", now, reason)
    found.finished_at = now
    if found.mode == "live":
        found.next_freeze_at = None
    db.session.flush()
    return found


def unfinished() -> list[UUID]:
    """Launched campaigns that have steps left, the oldest first."""
    query = select(Campaign.id).where(
        Campaign.state.not_in(("draft", "done")), Campaign.cleared_at.is_(None)
    )
    return list(db.session.scalars(query.order_by(Campaign.id)))


def next_step_at(now: datetime) -> datetime | None:
    """When the next step of any campaign is due; None: not before something happens."""
    found = []
    for campaign_id in unfinished():
        one = drafts.get(campaign_id)
        at = _next(one, now)
        if at is not None:
            found.append(at)
    return min(found, default=None)


def _next(found: Campaign, now: datetime) -> datetime | None:
    if found.state == "cancelled":
        return now
    if found.state == "paused":
        return found.next_freeze_at if found.mode == "frozen" else None
    if found.state == "running" and _is_over(found):
        return now
    instants = [found.next_freeze_at, making.next_due(found)]
    return min((at for at in instants if at is not None), default=None)


def _freezes(found: Campaign, now: datetime) -> bool:
    """Whether rows are to be written now. The moment of a frozen audience is the launch, whatever
    has happened to the campaign since."""
    if found.next_freeze_at is None or found.next_freeze_at > now:
        return False
    return found.mode == "frozen" or (found.state in OPEN and found.state != "paused")


def _settle(found: Campaign, now: datetime) -> None:
    """Let the state say how far it is."""
    if found.state in OPEN and found.state != "paused":
        state = _state(found, now)
        if state != found.state:
            _become(found, state, now)


def _state(found: Campaign, now: datetime) -> str:
    due = found.next_freeze_at or making.next_due(found)
    if due is not None and due <= now:
        return "launching"
    return "running" if found.made or due is None else "scheduled"


def _is_over(found: Campaign) -> bool:
    whole = found.next_freeze_at is None and found.made >= found.members
    return whole and not sources.figures(making.source(found.id)).pending


def _finish(found: Campaign, now: datetime) -> bool:
    """End it when all are decided: coupons come back of those who were told nothing."""
    if not _is_over(found):
        return False
    if _take_back(found, now):
        return True
    _become(found, "done", now)
    found.finished_at = found.cleared_at = now
    db.session.flush()
    return False


def _clear(found: Campaign, now: datetime) -> bool:
    """After a cancellation: the rest is written down as cancelled, then coupons come back."""
    if making.cancel_rest(found, far=FAR, now=now):
        return True
    if sources.cancel_waiting(making.source(found.id), now=now):
        return True
    if _take_back(found, now):
        return True
    if _is_over(found):
        found.cleared_at = now
        db.session.flush()
    return False  # a worker is sending some: they are decided soon


def _take_back(found: Campaign, now: datetime) -> int:
    templates = [arm.coupon_template_id for arm in drafts.arms_of(found.id)
                 if arm.coupon_template_id]  # fmt: skip
    if not templates:
        return 0
    values = {"id": str(found.id), "templates": templates, "most": BACK}
    codes = list(db.session.scalars(UNTOLD, values))
    return recalling.take_back(codes, reason="campaign", now=now) if codes else 0


def _become(found: Campaign, state: str, now: datetime, reason: str | None = None) -> None:
    before = found.state
    found.state = state
    db.session.flush()
    audit.record(
        f"campaign.{state}", "campaign", found.id, now=now, before={"state": before},
        after={"state": state}, reason=reason,
    )  # fmt: skip
