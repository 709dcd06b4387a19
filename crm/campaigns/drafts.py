"""Drafts of campaigns: made, changed, copied. What is named in one exists, and fits together."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from crm import audit
from crm.campaigns import audience, policy
from crm.campaigns.errors import CampaignChanged, CampaignNotFound, CampaignStarted
from crm.campaigns.models import Campaign, CampaignArm
from crm.coupons.models import CouponTemplate
from crm.db import db
from crm.errors import N_, FieldError, Invalid
from crm.http.principal import principal
from crm.messages.models import MessageTemplate

PLAIN = ("name", "holdout_percent", "schedule", "mode", "budget", "attribution_days")
NO_TEMPLATE = N_("There is no such template, or it is archived.")
NOT_MARKETING = N_("A campaign is marketing: choose a template of that purpose.")
OTHER_CHANNEL = N_("All arms go by one channel, so that their members can be compared.")
NO_COUPON = N_("There is no such coupon template, or it gives no more coupons.")
NO_AUDIENCE = N_("There is no such audience.")
MISSING_AUDIENCE = N_("Choose an audience.")
MISSING_ARM = N_("Choose what is sent.")


def create(body: Mapping[str, Any], *, now: datetime) -> Campaign:
    """A new draft of what is given. Raises `Invalid` naming each mistake."""
    defaults = policy.current()
    found = Campaign(
        state="draft", revision=1, exclude=[], audience_id=None, schedule={"now": True},
        mode="frozen", budget=None, holdout_percent=defaults.holdout_percent,
        attribution_days=defaults.attribution_days, created_at=now, changed_at=now,
        created_by=principal().name, members=0, made=0, spent=0,
    )  # fmt: skip
    _check(body, now)
    _write(found, body)
    db.session.add(found)
    db.session.flush()
    _write_arms(found, body)
    audit.record("campaign.created", "campaign", found.id, now=now, after=_said(found))
    return found


def change(campaign_id: UUID, body: Mapping[str, Any], *, now: datetime) -> Campaign:
    """Write what is named. Raises `CampaignNotFound`, `CampaignStarted`, `CampaignChanged`,
    `Invalid`."""
    found = lock(campaign_id)
    if found.state != "draft":
        raise CampaignStarted(state=found.state)
    if body.get("revision") not in (None, found.revision):
        raise CampaignChanged(revision=found.revision)
    _check(body, now)
    before = _said(found)
    _write(found, body)
    _write_arms(found, body)
    after = _said(found)
    if after != before:
        found.revision += 1
        found.changed_at = now
        db.session.flush()
        audit.record(
            "campaign.changed", "campaign", found.id, now=now, before=before, after=after
        )  # fmt: skip
    return found


def copy(campaign_id: UUID, name: str, *, now: datetime) -> Campaign:
    """A new draft that says what another campaign says, to go at once."""
    one = get(campaign_id)
    body = {field: getattr(one, field) for field in PLAIN} | {"schedule": {"now": True}}
    arms = [
        {
            "template": arm.template_id,
            "coupon_template": arm.coupon_template_id,
            "points": arm.points,
            "weight": arm.weight,
        }
        for arm in arms_of(campaign_id)
    ]
    given = {"name": name, "audience": one.audience_id, "exclude": one.exclude, "arms": arms}
    return create(body | given, now=now)


def get(campaign_id: UUID) -> Campaign:
    """One campaign as it stands. Raises `CampaignNotFound`."""
    found = db.session.get(Campaign, campaign_id, populate_existing=True)
    if found is None:
        raise CampaignNotFound()
    return found


def lock(campaign_id: UUID) -> Campaign:
    """One campaign under its lock. Raises `CampaignNotFound`."""
    query = select(Campaign).where(Campaign.id == campaign_id).with_for_update()
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise CampaignNotFound()
    return found


def arms_of(campaign_id: UUID) -> list[CampaignArm]:
    """The arms of a campaign, in their order."""
    query = select(CampaignArm).where(CampaignArm.campaign_id == campaign_id)
    query = query.order_by(CampaignArm.no).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def listed(limit: int, before: UUID | None, state: str | None) -> Sequence[Campaign]:
    """Campaigns, the newest first."""
    query = select(Campaign).order_by(Campaign.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Campaign.id < before)
    if state is not None:
        query = query.where(Campaign.state == state)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def require_whole(found: Campaign, arms: Sequence[CampaignArm], now: datetime) -> None:
    """Raise `Invalid` naming all that a draft lacks, or names and that is no more."""
    errors = []
    if found.audience_id is None:
        errors.append(FieldError("/audience", "required", MISSING_AUDIENCE))
    if not arms:
        errors.append(FieldError("/arms", "required", MISSING_ARM))
    if errors:
        raise Invalid(errors)
    _check(_said(found), now)


def _write(found: Campaign, body: Mapping[str, Any]) -> None:
    for name in PLAIN:
        if name in body:
            setattr(found, name, body[name])
    if "audience" in body:
        found.audience_id = body["audience"]
    if "exclude" in body:
        found.exclude = list(dict.fromkeys(body["exclude"]))


def _write_arms(found: Campaign, body: Mapping[str, Any]) -> None:
    if "arms" not in body:
        return
    db.session.execute(delete(CampaignArm).where(CampaignArm.campaign_id == found.id))
    db.session.expire_all()
    for no, arm in enumerate(body["arms"], 1):
        db.session.add(
            CampaignArm(
                campaign_id=found.id, no=no, template_id=arm["template"],
                coupon_template_id=arm["coupon_template"], points=arm["points"],
                weight=arm["weight"], cost_each=0,
            )
        )  # fmt: skip
    db.session.flush()


def _check(body: Mapping[str, Any], now: datetime) -> None:
    errors = [*_audience_errors(body), *_arm_errors(body.get("arms") or (), now)]
    if errors:
        raise Invalid(errors)


def _audience_errors(body: Mapping[str, Any]) -> Iterator[FieldError]:
    places = [("/audience", body["audience"])] if body.get("audience") else []
    places += [(f"/exclude/{no}", one) for no, one in enumerate(body.get("exclude") or ())]
    known = audience.known([UUID(str(one)) for _, one in places])
    for pointer, one in places:
        if UUID(str(one)) not in known:
            yield FieldError(pointer, "audience_unknown", NO_AUDIENCE)


def _arm_errors(arms: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[FieldError]:
    first: str | None = None
    for no, arm in enumerate(arms):
        template = db.session.get(MessageTemplate, UUID(str(arm["template"])))
        if template is None or template.archived_at is not None:
            yield FieldError(f"/arms/{no}/template", "template_unknown", NO_TEMPLATE)
            continue
        first = first or template.channel
        if template.purpose != "marketing":
            yield FieldError(f"/arms/{no}/template", "template_not_marketing", NOT_MARKETING)
        elif template.channel != first:
            yield FieldError(f"/arms/{no}/template", "arms_by_two_channels", OTHER_CHANNEL)
        if arm["coupon_template"] and not _gives(UUID(str(arm["coupon_template"])), now):
            yield FieldError(f"/arms/{no}/coupon_template", "coupon_template_unknown", NO_COUPON)


def _gives(template_id: UUID, now: datetime) -> bool:
    found = db.session.get(CouponTemplate, template_id)
    if found is None:
        return False
    ends = [end for end in (found.ended_at, found.valid_until) if end is not None]
    return all(end > now for end in ends)


def _said(found: Campaign) -> dict[str, Any]:
    """What can be set of a draft, as JSON."""
    return {name: getattr(found, name) for name in PLAIN} | {
        "audience": str(found.audience_id) if found.audience_id else None,
        "exclude": [str(one) for one in found.exclude],
        "arms": [arm_document(arm) for arm in arms_of(found.id)] if found.id else [],
    }


def arm_document(arm: CampaignArm) -> dict[str, Any]:
    """An arm as the API shows it."""
    return {
        "no": arm.no,
        "template": str(arm.template_id),
        "template_version": arm.template_version,
        "coupon_template": str(arm.coupon_template_id) if arm.coupon_template_id else None,
        "points": arm.points,
        "weight": arm.weight,
    }
