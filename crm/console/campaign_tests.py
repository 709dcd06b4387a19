"""Tests of a campaign's arms: to an address of one's own, through the real channel."""

from uuid import UUID

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.campaigns import drafts
from crm.console import campaign_trial, template_preview
from crm.console.blueprint import blp
from crm.console.campaign_review import review_page
from crm.console.campaigns_page import campaign_page
from crm.console.forms import Form
from crm.db import transaction
from crm.errors import FieldError, Invalid, Refused
from crm.http import problems
from crm.http.permissions import needs
from crm.messages import testing

FIELDS = ("arm", "member", "to", "locale")


@blp.post("/campaigns/<uuid:campaign_id>/test")
@needs("templates:write")
def test_campaign(campaign_id: UUID) -> Response | tuple[str, int]:
    """Send what an arm says, with what it would bring, to an address of one's own."""
    found, now = drafts.get(campaign_id), clock.now()
    arm = campaign_trial.arm_of(campaign_id, request.form.get("arm", ""))
    member_id = template_preview.member_of(request.form.get("member", ""))
    try:
        if member_id is None:
            nobody = template_preview.NOBODY
            raise Invalid([FieldError("/member", "member_not_found", nobody)])
        with transaction():
            testing.send(arm.template_id, member_id, campaign_trial.body(arm, now), now=now)
    except Refused as refused:
        form = _blamed(refused)
        draft = found.state == "draft"
        page = review_page(found, form, now) if draft else campaign_page(found, form)
        return page, refused.status
    here = url_for("console.campaign", campaign_id=campaign_id)
    if found.state == "draft":
        here = url_for("console.campaign_step", campaign_id=campaign_id, step="review")
    return redirect(f"{here}?tested=1#trial", 303)


def _blamed(refused: Refused) -> Form:
    """What was typed, with what is wrong beside it."""
    form = Form({name: request.form.get(name, "") for name in FIELDS})
    if not isinstance(refused, Invalid):
        form.said.append(problems.document(refused)["detail"])
        return form
    for error in refused.errors:
        name, text = (error.pointer or "").strip("/"), problems.say(error.detail, error.facts)
        if name in FIELDS:
            form.errors[name] = text
        else:
            form.said.append(text)
    return form
