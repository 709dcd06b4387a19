"""What is done with a campaign at its pages: launched by typing its number, paused, cancelled."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.campaigns import drafts, jobs, launching, running
from crm.console import formats, forms
from crm.console.blueprint import blp
from crm.console.campaign_review import review_page
from crm.console.campaigns_page import campaign_page
from crm.console.forms import Form
from crm.db import transaction
from crm.errors import N_, Invalid, Refused
from crm.http import problems
from crm.http.permissions import needs
from crm.http.principal import principal

MISTYPED = N_("Type {count}, the number of messages, to send them.")
STALE = N_("Open the form anew: it was not sent from this page.")
CANCEL_MISTYPED = N_("Type {count}, the number of messages still to come, to cancel them.")


@blp.post("/campaigns/<uuid:campaign_id>/launch")
@needs(launching.PERMISSION)
def launch_campaign(campaign_id: UUID) -> Response | tuple[str, int]:
    """Launch it, if the number that was typed is what it comes to."""
    now, form = clock.now(), Form({"typed": request.form.get("typed", "")})
    try:
        with transaction():
            done = launching.launch(
                campaign_id,
                by=principal(),
                now=now,
                confirm=_typed(request.form.get("expected", ""), form),
                ask="ask" in request.form,
            )
            if done.approval is None:
                jobs.put(campaign_id, done.campaign.next_freeze_at)
    except Refused as refused:
        _blame(form, refused)
        return review_page(drafts.get(campaign_id), form, now), refused.status
    return redirect(url_for("console.campaign", campaign_id=campaign_id), 303)


def _typed(expected: str, form: Form) -> int | None:
    """The number that was typed; it must be the one that was shown, unless it is only asked for."""
    if "ask" in request.form:
        return None
    typed, wanted = forms.whole(form.values["typed"].strip()), forms.whole(expected)
    if not isinstance(wanted, int):
        raise Stale()
    if typed != wanted:
        raise Mistyped(count=formats.number(wanted))
    return wanted


class Mistyped(Refused):
    """What was typed is not the number of messages (422)."""

    code, status = "mistyped", 422
    detail = MISTYPED


class Stale(Refused):
    """The form does not say which number was shown (422)."""

    code, status = "stale_form", 422
    detail = STALE


class CancelMistyped(Refused):
    """What was typed is not the number of messages still to come (422)."""

    code, status = "cancel_mistyped", 422
    detail = CANCEL_MISTYPED


def _blame(form: Form, refused: Refused) -> None:
    if isinstance(refused, Mistyped | CancelMistyped):
        form.errors["typed"] = problems.document(refused)["detail"]
    elif isinstance(refused, Invalid):
        form.said += [problems.say(one.detail, dict(one.facts)) for one in refused.errors]
    else:
        form.said.append(problems.document(refused)["detail"])


@blp.post("/campaigns/<uuid:campaign_id>/pause")
@needs(launching.PERMISSION)
def pause_campaign(campaign_id: UUID) -> Response | tuple[str, int]:
    """Let nothing go from now on."""
    return _act(campaign_id, lambda now: running.pause(campaign_id, now=now))


@blp.post("/campaigns/<uuid:campaign_id>/resume")
@needs(launching.PERMISSION)
def resume_campaign(campaign_id: UUID) -> Response | tuple[str, int]:
    """Go on with the rest."""
    return _act(campaign_id, lambda now: running.resume(campaign_id, now=now))


@blp.post("/campaigns/<uuid:campaign_id>/cancel")
@needs(launching.PERMISSION)
def cancel_campaign(campaign_id: UUID) -> Response | tuple[str, int]:
    """End it, if the number that was typed is what is still to come, or was when it was shown."""

    def act(now: datetime) -> object:
        expected = request.form.get("expected", "").replace(",", "")
        typed = request.form.get("typed", "").replace(",", "").strip()
        if typed != expected:
            raise CancelMistyped(count=expected)
        return running.cancel(campaign_id, now=now)

    return _act(campaign_id, act)


def _act(campaign_id: UUID, act: Callable[[datetime], object]) -> Response | tuple[str, int]:
    form = Form({"typed": request.form.get("typed", "")})
    try:
        with transaction():
            act(clock.now())
            jobs.put(campaign_id)
    except Refused as refused:
        _blame(form, refused)
        return campaign_page(drafts.get(campaign_id), form), refused.status
    return redirect(url_for("console.campaign", campaign_id=campaign_id), 303)
