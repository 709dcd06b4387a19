"""The wizard of a campaign: five steps, each saved as it is left, the waterfall beside them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from crm import clock
from crm.campaigns import drafts, plan
from crm.campaigns.errors import CampaignScheduleInThePast
from crm.campaigns.models import MOST_ARMS, Campaign
from crm.campaigns.schemas import CampaignIn, CampaignPatch, body_of
from crm.console import campaign_figures, campaign_words, forms, mistakes
from crm.console.blueprint import blp
from crm.console.campaign_review import review_page, steps
from crm.console.campaign_words import STEPS, WORDS
from crm.console.forms import Form, Leaf, Manner
from crm.console.settings_page import manner_at
from crm.coupons import templates as coupon_templates
from crm.db import db, transaction
from crm.errors import Invalid, NotFound, Refused
from crm.http import fields
from crm.http.fields import MINOR_LIMIT
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.messages.models import MessageTemplate
from crm.points import programme
from crm.segments.audiences.models import Audience

Answer = str | Response | tuple[str, int]
MOST_CHOICES = 200


def _arm_leaves(no: int) -> tuple[Leaf, ...]:
    at = f"/arms/{no}"
    return (
        Leaf(f"{at}/template", fields.Text(36)),
        Leaf(f"{at}/coupon_template", fields.Text(36, allow_none=True)),
        Leaf(f"{at}/points", fields.Whole(0, 1_000_000)),
        Leaf(f"{at}/weight", fields.Whole(1, 1000)),
    )


NAME = Leaf("/name", fields.Text(200))
ARMS = tuple(leaf for no in range(MOST_ARMS) for leaf in _arm_leaves(no))
FIELDS: Mapping[str, tuple[Leaf, ...]] = {
    "audience": (
        NAME,
        Leaf("/audience", fields.Text(36, allow_none=True)),
        Leaf("/mode", fields.Choice("frozen", "live")),
    ),
    "exclusions": (
        Leaf("/exclude", fields.Items(fields.Text(36))),
        Leaf("/holdout_percent", fields.Whole(0, 90)),
    ),
    "offer": ARMS,
    "schedule": (
        Leaf("/schedule/at", fields.Instant()),
        Leaf("/schedule/on", fields.Text(10)),
        Leaf("/schedule/local_time", fields.Text(5)),
        Leaf("/schedule/if_past", fields.Choice("now", "tomorrow", "skip")),
        Leaf("/budget", fields.Whole(0, MINOR_LIMIT, allow_none=True)),
        Leaf("/attribution_days", fields.Whole(1, 90)),
    ),
}
OFFERS, NOTHING = ("template", "coupon_template", "points"), ("", "0")
NEXT = dict(zip(STEPS, list(STEPS)[1:], strict=False))


@blp.get("/campaigns/new")
@needs("campaigns:write")
def new_campaign() -> str:
    """The first step of a campaign that does not exist yet."""
    now = clock.now()
    form = Form({"/name": "", "/audience": "", "/mode": "frozen"})
    return _page("audience", form, None, now)


@blp.post("/campaigns")
@needs("campaigns:write")
def create_campaign() -> Answer:
    """Make the draft, and go to the second step."""
    now, known = clock.now(), FIELDS["audience"]
    form = Form(forms.typed(known, request.form))
    try:
        document = _document("audience", manner_at(now))
        body = mistakes.load(CampaignIn(), document)
        with transaction():
            made = drafts.create(body_of(body), now=now).id
    except Refused as refused:
        mistakes.blame(form, refused, known, manner_at(now))
        return _page("audience", form, None, now), refused.status
    return _to(made, NEXT["audience"])


@blp.get("/campaigns/<uuid:campaign_id>/steps/<step>")
@needs("campaigns:write")
def campaign_step(campaign_id: UUID, step: str) -> Answer:
    """A step as it was saved."""
    found, now = _draft(campaign_id, step), clock.now()
    if found.state != "draft":
        return redirect(url_for("console.campaign", campaign_id=campaign_id), 303)
    if step == "review":
        return review_page(found, Form({}), now)
    return _page(step, _form(step, found, now), found, now)


@blp.post("/campaigns/<uuid:campaign_id>/steps/<step>")
@needs("campaigns:write")
def save_campaign_step(campaign_id: UUID, step: str) -> Answer:
    """Save a step, and go to the next."""
    found, now = _draft(campaign_id, step), clock.now()
    if step == "review":
        raise NotFound()
    known, manner = FIELDS[step], manner_at(now)
    form = Form(_typed(step))
    try:
        body = mistakes.load(CampaignPatch(), _document(step, manner))
        at = (body.get("schedule") or {}).get("at")
        if at is not None and at < now:
            raise CampaignScheduleInThePast(pointer="/schedule/at")
        with transaction():
            drafts.change(campaign_id, body_of(body), now=now)
    except Refused as refused:
        mistakes.blame(form, refused, known, manner)
        if step == "offer":
            form.errors = _of_their_arms(form.errors)
        return _page(step, form, found, now), refused.status
    return _to(campaign_id, NEXT[step])


@blp.get("/campaigns/<uuid:campaign_id>/waterfall")
@needs("campaigns:write")
def campaign_waterfall(campaign_id: UUID) -> str:
    """The waterfall of a draft as it is saved, to stand beside the steps."""
    return render_template("parts/campaign_aside.html", **_aside(drafts.get(campaign_id)))


def _aside(found: Campaign) -> dict[str, Any]:
    now = clock.now()
    try:
        planned = plan.make(found, now=now)
    except Invalid:
        return {"fall": campaign_figures.size(found, now), "shown": None}
    currency = programme.current(now).currency
    return {"fall": None, "shown": campaign_figures.planned(planned, currency)}


def _draft(campaign_id: UUID, step: str) -> Campaign:
    if step not in STEPS:
        raise NotFound()
    return drafts.get(campaign_id)


def _to(campaign_id: UUID, step: str) -> Response:
    return redirect(url_for("console.campaign_step", campaign_id=campaign_id, step=step), 303)


def _document(step: str, manner: Manner) -> dict[str, Any]:
    """What a step's form says, for the schema to judge."""
    document = forms.read(FIELDS[step], request.form, manner)
    if step == "offer":
        given = document.pop("arms")
        document["arms"] = [given[no] for no in _offered()]
    if step == "schedule":
        said = document.pop("schedule", {})
        way = request.form.get("way", "now")
        wanted = {"at": ("at",), "local": ("on", "local_time", "if_past")}.get(way, ())
        document["schedule"] = {name: said.get(name, "") for name in wanted} or {"now": True}
    return document


def _offered() -> list[str]:
    """The numbers of the arms of the form in which something is offered."""
    arms = [str(no) for no in range(MOST_ARMS)]
    texts = {
        no: [request.form.get(f"/arms/{no}/{name}", "").strip() for name in OFFERS] for no in arms
    }
    return [no for no in arms if any(text not in NOTHING for text in texts[no])]


def _of_their_arms(errors: Mapping[str, str]) -> dict[str, str]:
    """Mistakes of the arms that were sent, beside the arms of the form that they are."""
    offered, found = _offered(), dict[str, str]()
    for pointer, text in errors.items():
        _, arms, no, name = pointer.split("/")
        found[f"/{arms}/{offered[int(no)]}/{name}"] = text
    return found


def _typed(step: str) -> dict[str, Any]:
    return forms.typed(FIELDS[step], request.form) | {"way": request.form.get("way", "now")}


def _form(step: str, found: Campaign, now: datetime) -> Form:
    document: dict[str, Any] = {
        "name": found.name,
        "audience": found.audience_id,
        "mode": found.mode,
        "exclude": found.exclude,
        "holdout_percent": found.holdout_percent,
        "budget": found.budget,
        "attribution_days": found.attribution_days,
        "schedule": dict(found.schedule),
        "arms": {
            str(no): {
                "template": arm.template_id,
                "coupon_template": arm.coupon_template_id,
                "points": arm.points,
                "weight": arm.weight,
            }
            for no, arm in enumerate(drafts.arms_of(found.id))
        },
    }
    if "at" in document["schedule"]:
        document["schedule"]["at"] = fields.read_instant(document["schedule"]["at"])
    values = forms.values(FIELDS[step], document, manner_at(now))
    if step == "exclusions":
        values["/exclude"] = [str(one) for one in found.exclude]
    if step == "offer":
        _fill_arms(values)
    return Form(values | {"way": campaign_words.way(found.schedule)})


def _fill_arms(values: dict[str, Any]) -> None:
    """What stands in the fields of an arm that is not there yet."""
    for no in range(MOST_ARMS):
        if not values[f"/arms/{no}/template"]:
            values[f"/arms/{no}/points"], values[f"/arms/{no}/weight"] = "0", "1"


def _page(step: str, form: Form, found: Campaign | None, now: datetime) -> str:
    return render_template(
        "campaign_step.html",
        step=step,
        steps=steps(step, found.id if found else None),
        campaign=found,
        form=form,
        known={leaf.pointer: leaf for leaf in FIELDS[step]},
        words=WORDS,
        currency=manner_at(now).currency,
        audiences=_audiences() if step in ("audience", "exclusions") else {},
        templates=_templates() if step == "offer" else {},
        coupons=_coupons(now) if step == "offer" else {},
        ways=[(code, gettext(text)) for code, text in campaign_words.WAYS.items()],
        arms=range(MOST_ARMS),
    )


def _audiences() -> dict[str, str]:
    query = select(Audience).where(Audience.archived_at.is_(None)).order_by(Audience.name)
    return {str(row.id): row.name for row in db.session.scalars(query.limit(MOST_CHOICES))}


def _templates() -> dict[str, str]:
    query = (
        select(MessageTemplate)
        .where(MessageTemplate.archived_at.is_(None), MessageTemplate.purpose == "marketing")
        .order_by(MessageTemplate.code)
        .limit(MOST_CHOICES)
    )
    return {
        str(row.id): f"{row.code} · {campaign_words.channel(row.channel)}"
        for row in db.session.scalars(query)
    }


def _coupons(now: datetime) -> dict[str, str]:
    return {str(row.id): row.name for row in coupon_templates.listed(MOST_CHOICES, open_at=now)}
