"""Coupon templates: made, changed, ended. What coupons are good for stays as it was given."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm import audit
from crm.coupons.errors import TemplateInUse, TemplateNotFound
from crm.coupons.models import CouponTemplate
from crm.coupons.template_checks import check
from crm.db import db
from crm.http.principal import principal

# What a coupon is good for: fixed once there are codes. The rest may change at any time.
TERMS = (
    "kind", "value", "factor", "gift", "max_discount", "min_basis", "skus", "categories",
    "valid_days", "valid_from", "valid_until",
)  # fmt: skip
LIMITS = (
    "name", "per_member_limit", "stock", "budget", "stackable", "returns_on_refund", "ended_at",
)  # fmt: skip
# What is shown as it stands.
PLAIN = (
    "id", "name", "kind", "value", "gift", "max_discount", "min_basis", "per_member_limit",
    "stock", "budget", "stackable", "returns_on_refund", "has_pool", "pool", "issued", "used",
    "value_used", "committed", "created_at", "updated_at", "created_by", "ended_at",
)  # fmt: skip
HAS_CODES = text("SELECT EXISTS (SELECT FROM coupon WHERE template_id = :id)")


def create(values: Mapping[str, Any], *, now: datetime) -> CouponTemplate:
    """Make a template of columns and values. Raises `Invalid` for what does not fit together."""
    template = CouponTemplate(
        skus=[], categories=[], created_at=now, updated_at=now, created_by=principal().name,
        min_basis=0, value=0, stackable=False, returns_on_refund=True, has_pool=False,
        pool=0, issued=0, used=0, value_used=0, committed=0,
    )  # fmt: skip
    _write(template, values)
    db.session.add(template)
    db.session.flush()
    audit.record(
        "coupon_template.created", "coupon_template", template.id, now=now, after=shown(template)
    )
    return template


def change(template_id: UUID, values: Mapping[str, Any], *, now: datetime) -> CouponTemplate:
    """Write the columns named. Once codes exist what they are good for is fixed.

    Raises `TemplateNotFound`, `TemplateInUse`, `Invalid`.
    """
    template = lock([template_id])[template_id]
    before = shown(template)
    _write(template, values)
    after = shown(template)
    if after == before:
        return template
    db.session.flush()
    changed = [name for name in TERMS if before.get(name) != after.get(name)]
    if changed and has_codes(template_id):
        raise TemplateInUse(pointer=f"/{_field(changed[0])}")
    template.updated_at = now
    audit.record(
        "coupon_template.changed", "coupon_template", template_id, now=now, before=before,
        after=after,
    )  # fmt: skip
    return template


def _write(template: CouponTemplate, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(template, name, value)
    if template.kind == "points_multiplier" and template.factor is None:
        template.factor = Decimal(template.value)
    with db.session.no_autoflush:
        check(template)


def has_codes(template_id: UUID) -> bool:
    """Whether there are codes, so that what they are good for is fixed."""
    return bool(db.session.scalar(HAS_CODES, {"id": template_id}))


def _field(column: str) -> str:
    """What the contract calls a column of the terms."""
    if column in ("skus", "categories"):
        return f"scope/{column}"
    return "validity" if column.startswith("valid_") else column


def get(template_id: UUID) -> CouponTemplate:
    """One template as it stands. Raises `TemplateNotFound`."""
    found = db.session.get(CouponTemplate, template_id, populate_existing=True)
    if found is None:
        raise TemplateNotFound()
    return found


def lock(template_ids: Sequence[UUID]) -> dict[UUID, CouponTemplate]:
    """Templates under lock, ascending by id. Raises `TemplateNotFound` if one is not there."""
    wanted = set(template_ids)
    query = select(CouponTemplate).where(CouponTemplate.id.in_(wanted)).order_by(CouponTemplate.id)
    rows = db.session.scalars(query.with_for_update().execution_options(populate_existing=True))
    found = {row.id: row for row in rows}
    if wanted - found.keys():
        raise TemplateNotFound()
    return found


def many(template_ids: Sequence[UUID]) -> dict[UUID, CouponTemplate]:
    """Those of these templates that exist, by id."""
    rows = db.session.scalars(
        select(CouponTemplate)
        .where(CouponTemplate.id.in_(set(template_ids)))
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


def listed(limit: int, before: UUID | None = None, *, open_at: datetime | None = None):
    """Templates, the newest first; only those that may still give coupons at `open_at`."""
    query = select(CouponTemplate).order_by(CouponTemplate.id.desc()).limit(limit)
    if before is not None:
        query = query.where(CouponTemplate.id < before)
    if open_at is not None:
        query = query.where(
            CouponTemplate.ended_at.is_(None) | (CouponTemplate.ended_at > open_at),
            CouponTemplate.valid_until.is_(None) | (CouponTemplate.valid_until > open_at),
        )
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def shown(template: CouponTemplate) -> dict[str, Any]:
    """What can be set of a template, as the audit keeps it."""
    found = {name: getattr(template, name) for name in (*TERMS, *LIMITS)}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.normalize()) if isinstance(value, Decimal) else value
