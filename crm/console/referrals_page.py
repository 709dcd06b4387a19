"""Who brought whom: what came of each referral, and the decision on those that look odd."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.activities import referrals, releasing
from crm.activities.errors import ReferralNotFound
from crm.activities.models import STATES as ALL_STATES
from crm.activities.models import Referral
from crm.console import mistakes, referral_told
from crm.console.blueprint import blp
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, Refused
from crm.http import Schema, fields, problems
from crm.http.permissions import needs
from crm.http.principal import principal

SHOWN = 50
NO_REASON = N_("Say why: it is kept with the referral.")
Answer = str | Response | tuple[str, int]


class ReferralsShown(Schema):
    """Which of them: of one state, a page."""

    state = fields.Choice(*ALL_STATES, load_default=None)
    cursor = fields.Text(500, load_default=None)


class Note(Schema):
    """A word on the decision, as the API takes it."""

    note = fields.Text(500, multiline=True, load_default=None)


@blp.get("/referrals")
@needs("points:read")
def referrals_page() -> str:
    """The list, the newest first."""
    return _page(said=_done())


@blp.post("/referrals/<uuid:referee_id>/approve")
@needs("approvals:decide")
def approve_referral(referee_id: UUID) -> Answer:
    """Give what was promised for a referral that waits for somebody to look."""

    def act(note: str | None, now: datetime) -> Referral:
        return releasing.approve(referee_id, note, actor=principal(), now=now)

    return _decide(act, needs_note=False)


@blp.post("/referrals/<uuid:referee_id>/reject")
@needs("approvals:decide")
def reject_referral(referee_id: UUID) -> Answer:
    """Let it give nothing, and say why."""

    def act(note: str | None, now: datetime) -> Referral:
        assert note, "asked for above"
        return referrals.reject(referee_id, note, actor=principal(), now=now)

    return _decide(act, needs_note=True)


def _decide(act: Callable[[str | None, datetime], Referral], *, needs_note: bool) -> Answer:
    given = {"note": text} if (text := request.form.get("note", "").strip()) else {}
    try:
        note = mistakes.load(Note(), given)["note"]
        if needs_note and not note:
            return _page(wrong=say(NO_REASON)), 422
        with transaction():
            referee_id = act(note, clock.now()).referee_id
    except ReferralNotFound:
        raise
    except Refused as refused:
        return _page(wrong=_told(refused)), refused.status
    return redirect(url_for("console.referrals_page", done=referee_id), 303)


def _told(refused: Refused) -> str:
    document = problems.document(refused)
    return " ".join(error["detail"] for error in document.get("errors") or [document])


def _done() -> str:
    """What the address says was decided, in words."""
    try:
        row = referrals.require(UUID(request.args.get("done", "")))
    except (ValueError, ReferralNotFound):
        return ""
    return referral_told.decided(row)


def _page(said: str = "", wrong: str = "") -> str:
    now, who = clock.now(), principal()
    given = {name: request.args[name] for name in ("state", "cursor") if request.args.get(name)}
    asked = mistakes.load(ReferralsShown(), given)
    found = referrals.listed({**asked, "limit": SHOWN}, now=now)
    return render_template(
        "referrals.html",
        rows=referral_told.rows(found["data"], who, now),
        cursor=found["next_cursor"],
        state=asked["state"],
        states=referral_told.STATES,
        waiting=referrals.in_review(),
        said=said,
        wrong=wrong,
    )
