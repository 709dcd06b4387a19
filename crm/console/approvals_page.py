"""What waits for a second person: who asks for what, and the buttons to decide it; and the past."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.auth import approvals
from crm.auth.models import Approval
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, Forbidden, Refused
from crm.http import problems
from crm.http.pagination import decode, page
from crm.http.permissions import needs
from crm.http.principal import Principal, principal

SHOWN = 50
STATES = {
    "pending": (N_("waiting"), ""),
    "approved": (N_("approved"), "good"),
    "denied": (N_("denied"), "danger"),
    "expired": (N_("expired"), "quiet"),
    "cancelled": (N_("cancelled"), "quiet"),
}
DONE = {
    "approved": N_("Approved: {what}"),
    "denied": N_("Denied: {what}"),
    "cancelled": N_("Cancelled: {what}"),
}
NO_REASON = N_("Say why: the one who asked reads it.")


@blp.get("/approvals")
@needs("approvals:read")
def approvals_page() -> str:
    """The requests that wait; one's own only for those who do not decide."""
    return _page(said=_done())


@blp.get("/approvals/history")
@needs("approvals:read")
def approvals_history() -> str:
    """All requests, whatever became of them, newest first."""
    now, who = clock.now(), principal()
    (before,) = decode(request.args.get("cursor"), UUID) or (None,)
    found = page(approvals.listed({}, SHOWN, before, by=who, now=now), SHOWN, lambda row: (row.id,))
    rows = [_row(row, who, now) for row in found["data"]]
    return render_template(
        "approvals_history.html", rows=rows, cursor=found["next_cursor"], all=_sees_all(who)
    )


@blp.post("/approvals/<uuid:approval_id>/approve")
@needs("approvals:decide")
def approve(approval_id: UUID) -> tuple[str, int] | Response:
    """Do what was asked for."""
    return _decide(lambda by, now: approvals.approve(approval_id, by=by, now=now))


@blp.post("/approvals/<uuid:approval_id>/deny")
@needs("approvals:decide")
def deny(approval_id: UUID) -> tuple[str, int] | Response:
    """Say no, and why."""
    reason = request.form.get("reason", "").strip()[:500]
    if not reason or not reason.isprintable():
        return _page(wrong=say(NO_REASON)), 422
    return _decide(lambda by, now: approvals.deny(approval_id, reason, by=by, now=now))


@blp.post("/approvals/<uuid:approval_id>/cancel")
@needs("approvals:read")
def cancel(approval_id: UUID) -> tuple[str, int] | Response:
    """Take one's own request back."""
    return _decide(lambda by, now: approvals.cancel(approval_id, by=by, now=now))


def _decide(act) -> tuple[str, int] | Response:
    try:
        with transaction():
            row = act(principal(), clock.now())
    except approvals.ApprovalNotFound:
        raise
    except Refused as refused:
        if type(refused) is Forbidden:
            raise
        return _page(wrong=problems.document(refused)["detail"]), refused.status
    return redirect(url_for("console.approvals_page", done=row.id), 303)


def _done() -> str:
    """What the address says was decided, in words."""
    try:
        row = approvals.get(UUID(request.args.get("done", "")), by=principal())
    except (ValueError, approvals.ApprovalNotFound):
        return ""
    what = approvals.KINDS[row.kind].tell(row.payload)
    return say(DONE[row.state], what=what) if row.state in DONE else ""


def _page(said: str = "", wrong: str = "") -> str:
    now, who = clock.now(), principal()
    rows = approvals.listed({"state": "pending"}, SHOWN, None, by=who, now=now)
    return render_template(
        "approvals.html",
        rows=[_row(row, who, now) for row in rows[:SHOWN]],
        more=len(rows) > SHOWN,
        said=said,
        wrong=wrong,
        all=_sees_all(who),
    )


def _sees_all(who: Principal) -> bool:
    return who.may(approvals.DECIDE)


def _row(row: Approval, who: Principal, now: datetime) -> dict[str, Any]:
    state = approvals.state(row, now)
    name, mood = STATES[state]
    ended = {"pending": None, "expired": row.expires_at}.get(state, row.decided_at)
    return {
        "id": row.id,
        "what": approvals.KINDS[row.kind].tell(row.payload),
        "note": row.payload.get("note", ""),
        "member": row.subject_id if row.subject_type == "member" else "",
        "by": row.requester_name,
        "asked": when(row.requested_at, now),
        "expires": when(row.expires_at, now),
        "state": name,
        "mood": mood,
        "decided_by": row.decider_name or "",
        "decided": when(ended, now) if ended else "",
        "reason": row.reason or "",
        "decidable": approvals.may_decide(row, who),
        "own": row.requester_id == who.id,
    }
