"""Whether the templates that a journey names can be used: they are there, and of two channels."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns.journeys.definition import Settings
from crm.coupons import templates as coupons
from crm.coupons.errors import TemplateEnded
from crm.coupons.errors import TemplateNotFound as CouponTemplateNotFound
from crm.db import db
from crm.errors import N_, FieldError, Invalid
from crm.messages import versions
from crm.messages.errors import TemplateArchived, TemplateNotFound
from crm.messages.templates import store

DEFAULT_CHANNEL = "email"  # of the template that a journey is given when it has none
TEMPLATES = ("template", "fallback_template")
HELD = text("""
    SELECT id, code, archived_at FROM message_template WHERE id = ANY(CAST(:ids AS uuid[]))
    ORDER BY id FOR SHARE
""")
SAME_CHANNEL = N_("The second template must be of another channel than the first.")


def require(found: Settings, before: Settings, now: datetime) -> None:
    """Raises `Invalid` naming what was changed to something that can't be used."""
    mistakes = [
        *(one for name in TEMPLATES for one in _template(name, found, before)),
        *_coupon(found, before, now),
    ]
    mistakes = mistakes or list(_channels(found, before))
    if mistakes:
        raise Invalid(mistakes)


def require_usable(found: Settings) -> None:
    """Raises `Invalid` for templates that are archived. The others can't be until this transaction
    is over, and then the journey stands in the way."""
    wanted = {found[name] for name in TEMPLATES if found[name] is not None}
    rows = db.session.execute(HELD, {"ids": sorted(wanted)})
    archived = {row.id: row.code for row in rows if row.archived_at is not None}
    mistakes = [_archived(name, archived[found[name]]) for name in TEMPLATES
                if found[name] in archived]  # fmt: skip
    if mistakes:
        raise Invalid(mistakes)


def _template(name: str, found: Settings, before: Settings) -> Iterator[FieldError]:
    wanted: UUID | None = found[name]
    if wanted is None or wanted == before[name]:
        return
    try:
        template = store.get(wanted)
    except TemplateNotFound:
        yield FieldError(f"/settings/{name}", TemplateNotFound.code, TemplateNotFound.detail)
        return
    if template.archived_at is not None:
        yield _archived(name, template.code)


def _archived(name: str, code: str) -> FieldError:
    facts: Mapping[str, Any] = {"template": code}
    return FieldError(
        f"/settings/{name}", TemplateArchived.code, TemplateArchived.detail, dict(facts)
    )


def _channels(found: Settings, before: Settings) -> Iterator[FieldError]:
    """Blames the one that was changed, the second if both were."""
    first, second = found["template"], found["fallback_template"]
    if second is None:
        return
    channel = DEFAULT_CHANNEL if first is None else versions.wording(first).channel
    if versions.wording(second).channel == channel:
        name = "template" if second == before["fallback_template"] else "fallback_template"
        yield FieldError(f"/settings/{name}", "same_channel", SAME_CHANNEL)


def _coupon(found: Settings, before: Settings, now: datetime) -> Iterator[FieldError]:
    wanted: UUID | None = found["coupon_template"]
    if wanted is None or wanted == before["coupon_template"]:
        return
    pointer = "/settings/coupon_template"
    template = coupons.many([wanted]).get(wanted)
    if template is None:
        yield FieldError(pointer, CouponTemplateNotFound.code, CouponTemplateNotFound.detail)
    elif template.ended_at is not None and template.ended_at <= now:
        yield FieldError(pointer, TemplateEnded.code, TemplateEnded.detail)
