"""Campaigns as the API and the console show them: what is set, where they stand, what became."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.auth.models import Approval
from crm.campaigns import launching
from crm.campaigns.drafts import arm_document
from crm.campaigns.models import Campaign, CampaignArm
from crm.db import db
from crm.messages import sources
from crm.messages.sources import Figures

PLAIN = (
    "id", "name", "state", "revision", "exclude", "holdout_percent", "schedule", "mode", "budget",
    "spent", "attribution_days", "created_at", "created_by", "changed_at", "launched_at",
    "launched_by", "starts_at", "ends_at", "finished_at",
)  # fmt: skip


def campaign(found: Campaign, now: datetime) -> dict[str, Any]:
    """One campaign."""
    return many([found], now)[0]


def many(found: Sequence[Campaign], now: datetime) -> list[dict[str, Any]]:
    """Several campaigns: a statement each for their arms, their figures and their approvals."""
    ids = [one.id for one in found]
    arms: dict[UUID, list[CampaignArm]] = {one: [] for one in ids}
    query = select(CampaignArm).where(CampaignArm.campaign_id.in_(ids)).order_by(CampaignArm.no)
    for arm in db.session.scalars(query.execution_options(populate_existing=True)):
        arms[arm.campaign_id].append(arm)
    figures = sources.figures_of("campaign", [str(one) for one in ids])
    waiting = _waiting(found, now)
    return [
        {name: getattr(one, name) for name in PLAIN}
        | {
            "audience": one.audience_id,
            "arms": [arm_document(arm) for arm in arms[one.id]],
            "counters": counters(one, figures[str(one.id)]),
            "progress": progress(one, figures[str(one.id)]),
            "approval": waiting.get(str(one.id)),
        }
        for one in found
    ]


def counters(found: Campaign, figures: Figures) -> dict[str, Any]:
    """planned = sent + failed + suppressed + holdout + cancelled + pending. Who has a row and no
    message yet is planned, and pending."""
    unmade = found.members - figures.planned
    shown = asdict(figures) | {"planned": found.members, "pending": figures.pending + unmade}
    return shown | {"reasons": dict(figures.reasons)}


def progress(found: Campaign, figures: Figures) -> float:
    """The share of members whose fate is decided, 0 to 1."""
    if found.state in ("draft", "scheduled"):
        return 0.0
    if not found.members:
        return 1.0 if found.state in ("done", "cancelled") else 0.0
    return round((figures.planned - figures.pending) / found.members, 4)


def _waiting(found: Sequence[Campaign], now: datetime) -> Mapping[str, UUID]:
    """Requests for launches of drafts as they are, by campaign."""
    revisions = {str(one.id): one.revision for one in found}
    query = select(Approval.subject_id, Approval.id, Approval.payload).where(
        Approval.kind == launching.KIND,
        Approval.subject_id.in_(list(revisions)),
        Approval.state == "pending",
        Approval.expires_at > now,
    )
    rows = db.session.execute(query)
    return {
        row.subject_id: row.id
        for row in rows
        if row.payload["revision"] == revisions[row.subject_id]
    }
