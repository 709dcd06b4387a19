"""Launching: once, by one with the right to, and above limits after a second person's look."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm import audit
from crm.auth import approvals
from crm.auth.models import Approval
from crm.campaigns import audience, drafts, plan
from crm.campaigns.checks import TEXTS
from crm.campaigns.errors import (
    CampaignApprovalPending,
    CampaignChanged,
    CampaignCountDiffers,
    CampaignReachesNobody,
    CampaignScheduleInThePast,
    CampaignStarted,
)
from crm.campaigns.models import Campaign
from crm.campaigns.plan import Plan
from crm.db import db
from crm.errors import FieldError, Invalid
from crm.http.principal import Principal
from crm.ids import uuid7
from crm.messages.templates import store

KIND = "campaign.launch"
PERMISSION = "campaigns:launch"
PLACES = {
    "channel_off": "/arms", "value_missing": "/arms", "coupon_unbounded": "/budget",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """Either the campaign is launched, or the request waits for a second person."""

    campaign: Campaign
    approval: Approval | None = None


def launch(
    campaign_id: UUID,
    *,
    by: Principal,
    now: datetime,
    confirm: int | None = None,
    revision: int | None = None,
    reason: str | None = None,
    ask: bool = False,
) -> Outcome:
    """Launch a draft; above the policy's limits, or to `ask`, put it before a second person.

    The caller wakes a worker (`crm.campaigns.jobs`). Raises `CampaignNotFound`, `CampaignStarted`,
    `CampaignChanged`, `CampaignCountDiffers`, `CampaignReachesNobody`,
    `CampaignScheduleInThePast`, `CampaignApprovalPending`, `Invalid`.
    """
    found = _draft(campaign_id, revision)
    pending = pending_approval(found, now)
    if pending is not None:
        raise CampaignApprovalPending(approval=str(pending))
    planned = plan.make(found, now=now)
    require(planned)
    if confirm is not None and confirm != planned.will_send:
        raise CampaignCountDiffers(will_send=planned.will_send)
    if ask or planned.needs_approval:
        payload = {
            "name": found.name,
            "revision": found.revision,
            "will_send": planned.will_send,
            "cost": planned.cost,
            "reason": reason,
        }
        asked = approvals.request(
            uuid7(), KIND, payload, subject=("campaign", campaign_id), by=by, now=now
        )
        return Outcome(found, asked)
    start(planned, by=by.name, now=now, reason=reason)
    return Outcome(found)


def require(planned: Plan) -> None:
    """Raise the refusal of what blocks a launch, if anything does."""
    blocking = [check for check in planned.checks if check.blocks]
    codes = [check.code for check in blocking]
    if "schedule_in_the_past" in codes:
        raise CampaignScheduleInThePast(pointer="/schedule/at")
    others = [check for check in blocking if check.code in PLACES]
    if others:
        raise Invalid(
            [FieldError(PLACES[one.code], one.code, TEXTS[one.code], one.facts) for one in others]
        )
    if codes:
        raise CampaignReachesNobody()


def apply_approved(
    id: UUID, payload: Mapping[str, Any], *, requester: str, by: Principal, now: datetime
) -> dict[str, Any]:
    """Launch what another asked for, as it was then. Raises as `launch`."""
    subject = db.session.scalar(select(Approval.subject_id).where(Approval.id == id))
    found = _draft(UUID(subject), payload["revision"])
    planned = plan.make(found, now=now)
    require(planned)
    start(planned, by=requester, now=now, reason=payload.get("reason"))
    return {"campaign": str(found.id), "will_send": planned.will_send}


def pending_approval(found: Campaign, now: datetime) -> UUID | None:
    """The request for a launch of the draft as it is that nobody has decided yet; one for what it
    was before can't launch anything any more."""
    query = select(Approval.id).where(
        Approval.kind == KIND,
        Approval.subject_type == "campaign",
        Approval.subject_id == str(found.id),
        Approval.payload["revision"].as_integer() == found.revision,
        Approval.state == "pending",
        Approval.expires_at > now,
    )
    return db.session.scalar(query.limit(1))


def start(planned: Plan, *, by: str, now: datetime, reason: str | None = None) -> None:
    """Let a draft under its lock begin: what it says is fixed from here on."""
    found, (starts_at, ends_at) = planned.campaign, planned.ends
    assert found.state == "draft", found.state
    assert found.audience_id is not None
    assert starts_at is not None
    for arm, cost in zip(planned.arms, planned.costs, strict=True):
        arm.template_version = store.get(arm.template_id).version
        arm.cost_each = cost.each or 0
    found.audience = audience.kept([found.audience_id, *found.exclude])
    found.launched_at, found.launched_by = now, by
    found.starts_at, found.ends_at = starts_at, ends_at
    freeze_at = now if found.mode == "frozen" else starts_at
    found.next_freeze_at = freeze_at
    found.state = "launching" if freeze_at <= now else "scheduled"
    db.session.flush()
    audit.record(
        "campaign.launched", "campaign", found.id, now=now, before={"state": "draft"},
        after={"state": found.state, "will_send": planned.will_send, "cost": planned.cost},
        reason=reason,
    )  # fmt: skip


def _draft(campaign_id: UUID, revision: int | None) -> Campaign:
    found = drafts.lock(campaign_id)
    if found.state != "draft":
        raise CampaignStarted(state=found.state)
    if revision not in (None, found.revision):
        raise CampaignChanged(revision=found.revision)
    return found
