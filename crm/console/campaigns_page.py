"""Campaigns: their list, and a launched one while it is sent; its recipients."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.campaigns import audience, documents, drafts, plan, recipients
from crm.campaigns.models import OPEN, Campaign
from crm.campaigns.recipient_schemas import RecipientQuery
from crm.campaigns.waterfall import Waterfall
from crm.console import (
    campaign_figures,
    campaign_trial,
    campaign_words,
    formats,
    message_words,
    mistakes,
    person,
)
from crm.console.blueprint import blp
from crm.console.campaign_words import TABS
from crm.console.forms import Form
from crm.console.pages import when
from crm.console.settings_page import manner_at
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import decode, page
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.messages.states import State

SHOWN = 50
COPY_OF = N_("{name}, again")


class CampaignsQuery(Schema):
    """Which campaigns, and which page of them."""

    state = fields.Choice(*TABS, load_default="")
    cursor = fields.Text(500, load_default=None)


@blp.get("/campaigns")
@needs("campaigns:read")
def campaigns() -> str:
    """The campaigns, the newest first, with what became of their messages."""
    now = clock.now()
    asked = mistakes.load(CampaignsQuery(), request.args.to_dict())
    after = decode(asked["cursor"], UUID)
    rows = drafts.listed(SHOWN + 1, after[0] if after else None, asked["state"] or None)
    found = page(rows, SHOWN, lambda row: (str(row.id),))
    shown = documents.many(found["data"], now)
    names = audience.named(one["audience"] for one in shown if one["audience"])
    return render_template(
        "campaigns.html",
        tabs=[(code, gettext(name)) for code, name in TABS.items()],
        state=asked["state"],
        rows=[_row(one, names, now) for one in shown],
        cursor=found["next_cursor"],
    )


def _row(one: Mapping[str, Any], names: Mapping[UUID, str], now: datetime) -> dict[str, Any]:
    counters = one["counters"]
    return {
        "id": one["id"],
        "name": one["name"],
        "state": campaign_words.state(one["state"]),
        "audience": names.get(one["audience"], ""),
        "when": campaign_words.when(one["schedule"], now, manner_at(now).zone),
        "started": when(one["starts_at"], now) if one["starts_at"] else "",
        "planned": formats.number(counters["planned"]) if counters["planned"] else "",
        "sent": formats.number(counters["sent"]) if counters["planned"] else "",
        "share": 100 * one["progress"] if counters["planned"] else None,
        "asked": one["approval"] is not None,
    }


@blp.get("/campaigns/<uuid:campaign_id>")
@needs("campaigns:read")
def campaign(campaign_id: UUID) -> str | Response:
    """A launched campaign; a draft is opened where it is made."""
    found = drafts.get(campaign_id)
    if found.state == "draft" and principal().may("campaigns:write"):
        return redirect(url_for("console.campaign_step", campaign_id=campaign_id, step="review"))
    return campaign_page(found)


@blp.get("/campaigns/<uuid:campaign_id>/progress")
@needs("campaigns:read")
def campaign_progress(campaign_id: UUID) -> Response | str:
    """What became of its messages so far; at its end, the page is loaded again."""
    found = drafts.get(campaign_id)
    if request.args.get("state") != found.state and found.state not in OPEN:
        return Response(status=200, headers={"HX-Refresh": "true"})
    return render_template("parts/campaign_progress.html", **_progress(found, clock.now()))


def campaign_page(found: Campaign, form: Form | None = None) -> str:
    """A launched campaign: what became of it, whom it was for, what it says."""
    now, zone = clock.now(), manner_at(clock.now()).zone
    names = audience.named([one for one in (found.audience_id, *found.exclude) if one])
    arms = campaign_figures.arm_names(found.id)
    channel = plan.channel_of(drafts.arms_of(found.id)) if arms else ""
    fall = []
    if found.waterfall:
        whole = Waterfall.read(found.waterfall)
        fall = campaign_figures.fall(whole, channel, found.holdout_percent)
        for no, arm in arms.items():
            arm["members"] = formats.number(whole.arms.get(no, 0))
    return render_template(
        "campaign.html",
        fall=fall,
        arms=list(arms.values()),
        audience=names.get(found.audience_id, "") if found.audience_id else "",
        excluded=[names.get(one, "") for one in found.exclude],
        when=campaign_words.when(found.schedule, now, zone),
        launched=when(found.launched_at, now) if found.launched_at else "",
        form=form or Form({}),
        trial=campaign_trial.shown(found, channel, recipients.one_of(found.id)) if arms else None,
        **_progress(found, now),
    )


def _progress(found: Campaign, now: datetime) -> dict[str, Any]:
    """The part of the page that is asked for again and again."""
    shown = documents.campaign(found, now)
    counters = shown["counters"]
    return {
        "campaign": found,
        "state": campaign_words.state(found.state),
        "live": found.state in OPEN or (found.state == "cancelled" and found.cleared_at is None),
        "counters": campaign_figures.counters(counters),
        "planned": formats.number(counters["planned"]),
        "reasons": campaign_figures.reasons(counters["reasons"], message_words.why),
        "percent": round(100 * shown["progress"]),
        "pending": formats.number(counters["pending"]),
        "pending_count": counters["pending"],
        "planned_count": counters["planned"],
        "delivered": formats.number(counters["delivered"]),
        "unknown": counters["unknown"] and formats.number(counters["unknown"]),
    }


@blp.post("/campaigns/<uuid:campaign_id>/copy")
@needs("campaigns:write")
def copy_campaign(campaign_id: UUID) -> Response:
    """A new draft that says the same."""
    with transaction():
        name = say(COPY_OF, name=drafts.get(campaign_id).name)[:200]
        made = drafts.copy(campaign_id, str(name), now=clock.now()).id
    return redirect(url_for("console.campaign_step", campaign_id=made, step="audience"), 303)


@blp.get("/campaigns/<uuid:campaign_id>/recipients")
@needs("campaigns:read")
def campaign_recipients(campaign_id: UUID) -> str:
    """Who is in it: arm, state and why."""
    now, found = clock.now(), drafts.get(campaign_id)
    given = {name: text for name, text in request.args.to_dict().items() if text}
    asked = mistakes.load(RecipientQuery(), given)
    listed = recipients.listed(campaign_id, asked)
    return render_template(
        "campaign_recipients.html",
        campaign=found,
        rows=[_recipient(one, now) for one in listed["data"]],
        cursor=listed["next_cursor"],
        asked={name: asked[name] for name in ("state", "reason", "arm")},
        states=[(code, gettext(text)) for code, text in message_words.STATES.items()],
        arms=[(0, gettext(N_("held out")))]
        + [(no, arm["letter"]) for no, arm in campaign_figures.arm_names(campaign_id).items()],
    )


def _recipient(one: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    member, state = one["member"], State(one["state"])
    arm = one["arm"]
    return {
        "id": member["id"],
        "name": member["name"] or person.number(member["member_no"]),
        "arm": "–" if arm is None else gettext(N_("held out")) if arm == 0 else "ABCD"[arm - 1],
        "state": gettext(message_words.STATES[state]),
        "mark": message_words.MARKS.get(state, ""),
        "why": message_words.why(one["reason"]),
        "when": when(one["sent_at"] or one["due_at"], now),
        "message": one["message"],
        "coupon": one["coupon"] or "",
    }
