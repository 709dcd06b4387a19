"""The API of requests for approval: read, approve, deny, cancel."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm import clock
from crm.auth import approvals
from crm.auth.approval_schemas import (
    ApprovalOut,
    ApprovalPage,
    ApprovalQuery,
    AssentIn,
    DenialIn,
)
from crm.auth.models import Approval
from crm.db import transaction
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.pagination import decode, page

blp = Blueprint("approvals", __name__, description="What waits for a second person.")


@blp.get("/approvals")
@needs("approvals:read")
@blp.arguments(ApprovalQuery, location="query")
@blp.response(200, ApprovalPage)
def list_approvals(query: dict[str, Any]):
    """Requests, newest first: all of them for those who decide, else one's own."""
    now, limit = clock.now(), query["limit"]
    (before,) = decode(query["cursor"], UUID) or (None,)
    rows = approvals.listed(query, limit, before, by=principal(), now=now)
    found = page(rows, limit, lambda row: (row.id,))
    return found | {"data": [document(row, now) for row in found["data"]]}


@blp.get("/approvals/<uuid:approval_id>")
@needs("approvals:read")
@blp.response(200, ApprovalOut)
def read_approval(approval_id: UUID):
    """One request."""
    return document(approvals.get(approval_id, by=principal()), clock.now())


@blp.post("/approvals/<uuid:approval_id>/approve")
@needs("approvals:decide")
@blp.arguments(AssentIn)
@idempotent
@blp.response(200, ApprovalOut)
def approve(body: dict[str, Any], approval_id: UUID):
    """Approve another's request: what it asks for is done now, once, within your own limits."""
    now = clock.now()
    found = approvals.approve(approval_id, body["reason"], by=principal(), now=now)
    return document(found, now)


@blp.post("/approvals/<uuid:approval_id>/deny")
@needs("approvals:decide")
@blp.arguments(DenialIn)
@blp.response(200, ApprovalOut)
def deny(body: dict[str, Any], approval_id: UUID):
    """Deny another's request and say why."""
    now = clock.now()
    with transaction():
        found = approvals.deny(approval_id, body["reason"], by=principal(), now=now)
        return document(found, now)


@blp.post("/approvals/<uuid:approval_id>/cancel")
@needs("approvals:read")
@blp.response(200, ApprovalOut)
def cancel(approval_id: UUID):
    """Take your own request back."""
    now = clock.now()
    with transaction():
        return document(approvals.cancel(approval_id, by=principal(), now=now), now)


def document(row: Approval, now: datetime) -> dict[str, Any]:
    """A request as the contract shows it; one that waited too long ended when it expired."""
    state = approvals.state(row, now)
    decider = {"kind": row.decider_kind, "id": row.decider_id, "name": row.decider_name}
    return {
        "id": row.id,
        "kind": row.kind,
        "state": state,
        "summary": approvals.KINDS[row.kind].tell(row.payload),
        "subject": {"type": row.subject_type, "id": row.subject_id},
        "payload": row.payload,
        "requested_by": {
            "kind": row.requester_kind, "id": row.requester_id, "name": row.requester_name,
        },
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "decided_by": decider if row.decider_kind else None,
        "decided_at": row.expires_at if state == "expired" else row.decided_at,
        "reason": row.reason,
        "result": row.result,
    }  # fmt: skip
