"""A campaign tried out before it goes: what each arm says to any member."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, request
from sqlalchemy import select

from crm import clock
from crm.campaigns import drafts, samples
from crm.campaigns.models import Campaign, CampaignArm
from crm.console import campaign_figures, template_preview
from crm.console.blueprint import blp
from crm.console.template_form import LANGUAGES, of_document
from crm.db import db
from crm.errors import N_, NotFound
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.members.models import Member
from crm.messages.templates import store
from crm.messages.templates.forms import HTML

TESTED = N_("The test is on its way.")


def shown(found: Campaign, channel: str, recipients: Sequence[UUID]) -> dict[str, Any]:
    """What the part of the page needs; it is shown on the first of the recipients at first."""
    return {
        "arms": list(campaign_figures.arm_names(found.id).values()),
        "member": _number(recipients),
        "is_short": not any(_has_html(arm) for arm in drafts.arms_of(found.id)),
        "to": channel in ("email", "sms"),
        "may_test": principal().may("templates:write"),
        "languages": list(LANGUAGES.items()),
        "said": gettext(TESTED) if "tested" in request.args else "",
    }


def _has_html(arm: CampaignArm) -> bool:
    languages = store.languages_of(store.get(arm.template_id), arm.template_version)
    return any(said.get(HTML) for said in languages.values())


def _number(recipients: Sequence[UUID]) -> str:
    query = select(Member.member_no).where(Member.id.in_(recipients[:1]))
    return db.session.scalar(query) or ""


@blp.get("/campaigns/<uuid:campaign_id>/preview")
@blp.post("/campaigns/<uuid:campaign_id>/preview")
@needs("campaigns:read")
def campaign_preview(campaign_id: UUID) -> Response:
    """What an arm says to a member, with what it would bring him now. Writes nothing."""
    asked = request.form if request.method == "POST" else request.args
    arm = arm_of(campaign_id, asked.get("arm", ""))
    found = store.document(store.get(arm.template_id), arm.template_version)
    form = of_document(found, found["version"])
    return template_preview.frame(
        form, asked.get("member", ""), samples.variables(arm, clock.now())
    )


def arm_of(campaign_id: UUID, wanted: str) -> CampaignArm:
    """An arm by its number, as a page names it. Raises `NotFound`."""
    for arm in drafts.arms_of(drafts.get(campaign_id).id):
        if wanted in ("", str(arm.no)):
            return arm
    raise NotFound()


def body(arm: CampaignArm, now: datetime) -> dict[str, Any]:
    """What a test of an arm says, to whom, in which language, as it was asked for."""
    said: dict[str, Any] = {"variables": samples.variables(arm, now)}
    if arm.template_version is not None:
        said["version"] = arm.template_version
    if request.form.get("locale") in LANGUAGES:
        said["locale"] = request.form["locale"]
    if request.form.get("to", "").strip():
        said["to"] = request.form["to"].strip()
    return said
