"""Referrals over HTTP: what came of them, and a decision on those that look like one person's."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify

from crm import clock
from crm.activities import referrals, releasing
from crm.activities.models import STATES, Referral
from crm.http import Blueprint, Schema, fields, idempotent, needs, principal
from crm.http.pagination import PageQuery, page_of

blp = Blueprint("referrals", __name__, description="Who brought whom.")


class PromiseOut(Schema):
    """What a rule promised when the friend registered: to the referrer, and to the friend."""

    rule_id = fields.Id()
    version = fields.Whole(1)
    name = fields.Text()
    points = fields.points()
    referee_points = fields.points()


class ReferralOrderOut(Schema):
    """The friend's first paid order."""

    channel = fields.Text()
    order_no = fields.Text()


class ReferralOut(Schema):
    """A referral. `due_at`: when the order's return window has passed, while the referral is open.

    `reason` of a void one: `order_refunded`, `same_person`, `member_gone`. `flags`:
    `shared_with_referrer`, `shared_with_other_friend`. `capped`: the referrer had his friends of
    that month already.
    """

    referee_id = fields.Id()
    referrer_id = fields.Id()
    joined_at = fields.Instant()
    state = fields.Choice(*STATES)
    reason = fields.Text(allow_none=True)
    flags = fields.Items(fields.Text())
    promised = fields.Items(fields.Nested(PromiseOut), 1000)
    order = fields.Nested(ReferralOrderOut, allow_none=True)
    due_at = fields.Instant(allow_none=True)
    capped = fields.Flag()
    decided_at = fields.Instant(allow_none=True)
    decided_by = fields.Text(allow_none=True)
    note = fields.Text(allow_none=True)
    settled_at = fields.Instant(allow_none=True)


class ReferralsQuery(PageQuery):
    """Referrals of a state, or of a referrer."""

    state = fields.Choice(*STATES)
    referrer_id = fields.Id()


class ApproveIn(Schema):
    """A word on the decision."""

    body_optional = True
    note = fields.Text(500, multiline=True)


class RejectIn(Schema):
    """Why the referral gives nothing."""

    note = fields.Text(500, multiline=True, required=True)


@blp.get("/referrals")
@needs("points:read")
@blp.arguments(ReferralsQuery, location="query")
@blp.response(200, page_of(ReferralOut))
def list_referrals(query: dict[str, Any]):
    """Referrals, the newest first."""
    return referrals.listed(query, now=clock.now())


@blp.post("/referrals/<uuid:referee_id>/approve")
@needs("approvals:decide")
@idempotent
@blp.arguments(ApproveIn)
@blp.alt_response(200, schema=ReferralOut)
def approve_referral(body: dict[str, Any], referee_id: UUID) -> Response:
    """Give what was promised for a referral that waits in `review`; void if its order came back."""
    now, actor = clock.now(), principal()
    return _shown(releasing.approve(referee_id, body.get("note"), actor=actor, now=now))


@blp.post("/referrals/<uuid:referee_id>/reject")
@needs("approvals:decide")
@idempotent
@blp.arguments(RejectIn)
@blp.alt_response(200, schema=ReferralOut)
def reject_referral(body: dict[str, Any], referee_id: UUID) -> Response:
    """Let a referral that is open or in review give nothing."""
    now, actor = clock.now(), principal()
    return _shown(referrals.reject(referee_id, body["note"], actor=actor, now=now))


def _shown(referral: Referral) -> Response:
    return jsonify(_schema.dump(referrals.documents([referral], now=clock.now())[0]))


_schema = ReferralOut()
