"""What members are told of their gifts: a message for each, planned by the template that is his."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import coupon_values
from crm.campaigns.gifts import Wanted
from crm.db import db
from crm.messages import planning
from crm.messages.planning import Source
from crm.points import rulebook

EXPIRIES = text("SELECT code, expires_at FROM coupon WHERE code = ANY (:codes)")


@dataclass(frozen=True, slots=True)
class Telling:
    """By which template, in which version (None: the newest), and by which one instead."""

    template: UUID
    version: int | None = None
    fallback: UUID | None = None


def tell(
    gifts: Sequence[tuple[Wanted, str | None]],
    by: Telling,
    *,
    source: Source,
    priority: int,
    now: datetime,
) -> None:
    """Plan a message for each gift, with the code of its coupon: by the template that it names,
    else as `by` says."""
    messages: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for (one, _), said in zip(gifts, _variables(gifts, now), strict=True):
        messages[one.template_id or by.template].append(_message(one, said))
    zone = str(rulebook.load().programme_at(now).zone)
    for template, rows in messages.items():
        told = by if template == by.template else Telling(template)
        planning.plan_many(
            rows, template_id=template, version=told.version, source=source, now=now,
            priority=priority, zone=zone, fallback_template_id=told.fallback,
        )  # fmt: skip


def _variables(
    gifts: Sequence[tuple[Wanted, str | None]], now: datetime
) -> Iterator[dict[str, Any]]:
    """What each message says: what the caller brings, and what was given."""
    codes = [code for _, code in gifts if code is not None]
    expiries: dict[str, datetime | None] = {}
    if codes:
        rows = db.session.execute(EXPIRIES, {"codes": codes})
        expiries = {row.code: row.expires_at for row in rows}
    templates = {one.coupon for one, code in gifts if code is not None and one.coupon is not None}
    values = coupon_values.of_templates(templates, now)
    for one, code in gifts:
        said = {room: dict(values_) for room, values_ in one.variables.items()}
        if code is not None and one.coupon is not None:
            coupon = coupon_values.with_code(values[one.coupon], code, expiries.get(code))
            said["coupon"] = coupon | said.get("coupon", {})
        if one.points:
            said["points"] = {"amount": one.points} | said.get("points", {})
        yield said


def _message(one: Wanted, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "member_id": one.member_id,
        "occasion": one.occasion,
        "variables": said,
        "due_at": one.due_at,
        "not_after": one.not_after,
    }
