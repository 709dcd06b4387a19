"""Requests for approval in and out."""

from crm.auth.approvals import STATES
from crm.auth.schemas import ActorOut
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of


class ApprovalQuery(PageQuery):
    """Which requests: of a state, of a kind, about something (a member's id, say)."""

    state = fields.Choice(*STATES, load_default=None)
    kind = fields.Text(64, load_default=None)
    subject_type = fields.Text(64, load_default=None)
    subject_id = fields.Text(200, load_default=None)


class AssentIn(Schema):
    """What the one who approves has to say, if anything. The body may be left out."""

    body_optional = True

    reason = fields.Text(500, load_default=None, allow_none=True)


class DenialIn(Schema):
    """Why not; the requester reads it."""

    reason = fields.Text(500, required=True)


class SubjectOut(Schema):
    """What a request is about."""

    type = fields.Text(64)
    id = fields.Text(200)


class ApprovalOut(Schema):
    """A request: `summary` says in one sentence what it asks for, `payload` exactly.

    `result` is what came of it once it was approved.
    """

    id = fields.Id(required=True)
    kind = fields.Text(64, required=True)
    state = fields.Choice(*STATES, required=True)
    summary = fields.Text(1000, required=True)
    subject = fields.Nested(SubjectOut, required=True)
    payload = fields.Mapping(required=True)
    requested_by = fields.Nested(ActorOut, required=True)
    requested_at = fields.Instant(required=True)
    expires_at = fields.Instant(required=True)
    decided_by = fields.Nested(ActorOut, required=True, allow_none=True)
    decided_at = fields.Instant(required=True, allow_none=True)
    reason = fields.Text(500, required=True, allow_none=True)
    result = fields.Mapping(required=True, allow_none=True)


ApprovalPage = page_of(ApprovalOut)
