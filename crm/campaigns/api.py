"""Campaigns over HTTP: drafts, plans, launches, pauses; who gets what."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Response, jsonify, make_response

from crm import clock
from crm.auth import approvals
from crm.auth.approval_schemas import ApprovalOut
from crm.auth.approvals_api import document as approval_document
from crm.campaigns import documents, drafts, jobs, launching, plan, policy, recipients, running
from crm.campaigns.checks import TEXTS, Check
from crm.campaigns.models import Campaign
from crm.campaigns.plan_schemas import PlanOut
from crm.campaigns.policy_schemas import CampaignPolicyIn, CampaignPolicyOut
from crm.campaigns.recipient_schemas import RecipientPage, RecipientQuery
from crm.campaigns.schemas import (
    AwaitingLaunchOut,
    CampaignIn,
    CampaignOut,
    CampaignPage,
    CampaignPatch,
    CampaignQuery,
    CancelIn,
    LaunchIn,
    NothingIn,
    body_of,
)
from crm.db import transaction
from crm.errors import N_
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.pagination import decode, page
from crm.http.problems import say

blp = Blueprint("campaigns", __name__, description="Offers to many: planned, sent, measured.")
SUMMARY = N_("Launch {name}; number of messages: {will_send}")


@blp.get("/campaigns")
@needs("campaigns:read")
@blp.arguments(CampaignQuery, location="query")
@blp.response(200, CampaignPage)
def list_campaigns(query: dict[str, Any]):
    """Campaigns, the newest first, with their counters."""
    after = decode(query["cursor"], UUID)
    rows = drafts.listed(query["limit"] + 1, after[0] if after else None, query["state"])
    found = page(rows, query["limit"], lambda row: (str(row.id),))
    return found | {"data": documents.many(found["data"], clock.now())}


@blp.post("/campaigns")
@needs("campaigns:write")
@idempotent
@blp.arguments(CampaignIn)
@blp.response(201, CampaignOut)
def create_campaign(body: dict[str, Any]):
    """Make a draft. Nothing is sent before it is launched."""
    now = clock.now()
    return documents.campaign(drafts.create(body_of(body), now=now), now)


@blp.get("/campaigns/<uuid:id>")
@needs("campaigns:read")
@blp.response(200, CampaignOut)
def read_campaign(id: UUID):
    """One campaign with its counters, which add up at every instant."""
    return documents.campaign(drafts.get(id), clock.now())


@blp.patch("/campaigns/<uuid:id>")
@needs("campaigns:write")
@blp.arguments(CampaignPatch)
@blp.response(200, CampaignOut)
def change_campaign(body: dict[str, Any], id: UUID):
    """Change what is named of a draft. A request for its approval then stands for nothing."""
    now = clock.now()
    with transaction():
        return documents.campaign(drafts.change(id, body_of(body), now=now), now)


@blp.post("/campaigns/<uuid:id>/plan")
@needs("campaigns:read")
@blp.arguments(NothingIn)
@blp.response(200, PlanOut)
def plan_campaign(body: dict[str, Any], id: UUID):
    """What a launch would come to now: the waterfall, the cost, the detectable effect, and what
    should be looked at. Writes nothing."""
    planned = plan.make(drafts.get(id), now=clock.now())
    return planned.document() | {"checks": [told(check) for check in planned.checks]}


@blp.post("/campaigns/<uuid:id>/launch")
@needs(launching.PERMISSION)
@idempotent
@blp.arguments(LaunchIn)
@blp.alt_response(200, schema=CampaignOut)
@blp.alt_response(202, schema=AwaitingLaunchOut)
def launch_campaign(body: dict[str, Any], id: UUID) -> Response:
    """Launch a draft, once: 200, or 202 with the request that a second person decides."""
    now = clock.now()
    done = launching.launch(id, by=principal(), now=now, **body)
    if done.approval is not None:
        asked = ApprovalOut().dump(approval_document(done.approval, now))
        return make_response(jsonify(approval=asked), 202)
    jobs.put(id, done.campaign.next_freeze_at)
    return _shown(done.campaign)


@blp.post("/campaigns/<uuid:id>/pause")
@needs(launching.PERMISSION)
@idempotent
@blp.arguments(NothingIn)
@blp.alt_response(200, schema=CampaignOut)
def pause_campaign(body: dict[str, Any], id: UUID) -> Response:
    """Let nothing go from now on; what a worker is sending right now goes."""
    return _shown(running.pause(id, now=clock.now()))


@blp.post("/campaigns/<uuid:id>/resume")
@needs(launching.PERMISSION)
@idempotent
@blp.arguments(NothingIn)
@blp.alt_response(200, schema=CampaignOut)
def resume_campaign(body: dict[str, Any], id: UUID) -> Response:
    """Go on with exactly the rest."""
    found = running.resume(id, now=clock.now())
    jobs.put(id)
    return _shown(found)


@blp.post("/campaigns/<uuid:id>/cancel")
@needs(launching.PERMISSION)
@idempotent
@blp.arguments(CancelIn)
@blp.alt_response(200, schema=CampaignOut)
def cancel_campaign(body: dict[str, Any], id: UUID) -> Response:
    """End it: what has not gone does not go, and its coupons come back."""
    found = running.cancel(id, now=clock.now(), reason=body["reason"])
    jobs.put(id)
    return _shown(found)


@blp.get("/campaigns/<uuid:id>/recipients")
@needs("campaigns:read")
@blp.arguments(RecipientQuery, location="query")
@blp.response(200, RecipientPage)
def list_recipients(query: dict[str, Any], id: UUID):
    """Each member of the audience: arm, state, and why; who is held out too."""
    return recipients.listed(id, query)


@blp.get("/campaign-policy")
@needs("campaigns:read")
@blp.response(200, CampaignPolicyOut)
def read_policy():
    """What holds for all campaigns: from which size on a second person looks, and defaults."""
    return policy.document()


@blp.put("/campaign-policy")
@needs("campaigns:manage")
@blp.arguments(CampaignPolicyIn)
@blp.response(200, CampaignPolicyOut)
def write_policy(body: dict[str, Any]):
    """Change the policy; what is not named stays. It counts at once."""
    with transaction():
        return policy.put(body, now=clock.now())


def told(check: Check) -> dict[str, Any]:
    """A finding as the API shows it, in the reader's language."""
    return {"code": check.code, "text": say(TEXTS[check.code], check.facts), "blocks": check.blocks}


def _shown(found: Campaign) -> Response:
    return jsonify(CampaignOut().dump(documents.campaign(found, clock.now())))


def summary(payload: Mapping[str, Any]) -> str:
    """What a request asks for, in one sentence of the reader's language."""
    return say(SUMMARY, {"name": payload["name"], "will_send": f"{payload['will_send']:,}"})


def _launched(id: UUID, payload: Mapping[str, Any], **by: Any) -> dict[str, Any]:
    """Launch what was approved, and let a worker begin."""
    done = launching.apply_approved(id, payload, **by)
    found = drafts.get(UUID(done["campaign"]))
    jobs.put(found.id, found.next_freeze_at)
    return done


approvals.register(approvals.Kind(launching.KIND, launching.PERMISSION, _launched, tell=summary))
