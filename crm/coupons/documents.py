"""Templates and coupons as the API and the console show them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, tuple_

from crm.coupons import templates
from crm.coupons.models import Coupon, CouponTemplate
from crm.db import db
from crm.http.pagination import decode, page

STATES = ("issued", "reserved", "used", "expired", "void")


def template(one: CouponTemplate, now: datetime) -> dict[str, Any]:
    """A template with its counters."""
    spent = one.value_used + one.committed
    return {name: getattr(one, name) for name in templates.PLAIN} | {
        "factor": None if one.factor is None else decimal_text(one),
        "scope": {"skus": one.skus, "categories": one.categories},
        "validity": validity(one),
        "state": state_of(one, now),
        "stock_left": None if one.stock is None else one.stock - one.issued,
        "budget_left": None if one.budget is None else one.budget - spent,
    }


def decimal_text(one: CouponTemplate) -> str:
    """The factor as people write it: 1.5."""
    assert one.factor is not None
    return f"{one.factor:f}".rstrip("0").rstrip(".")


def validity(one: CouponTemplate) -> dict[str, Any]:
    """As the contract has it: days from issue, or a window."""
    if one.valid_days is not None:
        return {"days": one.valid_days}
    return {"from": one.valid_from, "until": one.valid_until}


def state_of(one: CouponTemplate, now: datetime) -> str:
    """open, or ended: by hand, or because its window is over."""
    ends = [at for at in (one.ended_at, one.valid_until) if at is not None]
    return "ended" if ends and min(ends) <= now else "open"


def coupon(one: Coupon, kind: CouponTemplate, now: datetime) -> dict[str, Any]:
    """A coupon as it is now, with what it is good for."""
    is_reserved = one.is_reserved(now)
    return {
        "code": one.code,
        "state": one.state_at(now),
        "template": terms(kind),
        "member_id": one.member_id,
        "occasion": one.occasion,
        "source": one.source_type and {"type": one.source_type, "id": one.source_id},
        "bought_with_points": one.bought_with_points,
        "issued_at": one.issued_at,
        "valid_from": kind.valid_from,
        "expires_at": one.expires_at,
        "reserved_for": one.reserved_for if is_reserved else None,
        "reserved_until": one.reserved_until if is_reserved else None,
        "used": _used(one),
        "voided_at": one.voided_at,
        "void_reason": one.void_reason,
    }


def terms(kind: CouponTemplate) -> dict[str, Any]:
    """What a coupon is good for."""
    names = ("id", "name", "kind", "value", "gift", "max_discount", "min_basis", "stackable")
    return {name: getattr(kind, name) for name in names} | {
        "factor": None if kind.factor is None else decimal_text(kind),
        "scope": {"skus": kind.skus, "categories": kind.categories},
    }


def _used(one: Coupon) -> dict[str, Any] | None:
    if one.state != "used":
        return None
    return {
        "at": one.used_at,
        "channel": one.used_channel,
        "order_no": one.used_order_no,
        "member_id": one.used_member,
        "value": one.value_used,
    }


def is_in(state: str, now: datetime) -> ColumnElement[bool]:
    """The condition that a coupon is in this state now, as `Coupon.state_at` has it."""
    if state in ("used", "void"):
        return Coupon.state == state
    held = and_(Coupon.state == "reserved", Coupon.reserved_until > now)
    if state == "reserved":
        return held
    over = func.coalesce(Coupon.expires_at <= now, False)
    free = and_(Coupon.state.in_(("issued", "reserved")), ~held)
    return and_(free, over) if state == "expired" else and_(free, ~over)


# When a member got it; a code of the pool when he used it.
_GOT = case((Coupon.member_id.is_(None), Coupon.used_at), else_=Coupon.issued_at)


def of_member(
    member_id: UUID, limit: int, cursor: str | None, *, now: datetime, state: str | None = None
) -> dict[str, Any]:
    """A page of a member's coupons, the newest first; also codes of pools that he used."""
    whose = or_(
        Coupon.member_id == member_id,
        and_(Coupon.used_member == member_id, Coupon.member_id.is_(None)),
    )
    query = select(Coupon, _GOT.label("got")).where(whose)
    if state is not None:
        query = query.where(is_in(state, now))
    after = decode(cursor, datetime.fromisoformat, str)
    if after:
        query = query.where(tuple_(_GOT, Coupon.code) < after)
    rows = db.session.execute(query.order_by(_GOT.desc(), Coupon.code.desc()).limit(limit + 1))
    found = page(list(rows), limit, lambda row: (row.got.isoformat(), row.Coupon.code))
    return found | {"data": _with_terms([row.Coupon for row in found["data"]], now)}


def of_template(
    template_id: UUID, limit: int, cursor: str | None, *, now: datetime, state: str | None = None
) -> dict[str, Any]:
    """A page of a template's coupons by code. Raises `TemplateNotFound`."""
    templates.get(template_id)
    query = select(Coupon).where(Coupon.template_id == template_id)
    if state is not None:
        query = query.where(is_in(state, now))
    after = decode(cursor, str)
    if after:
        query = query.where(Coupon.code > after[0])
    rows = db.session.scalars(query.order_by(Coupon.code).limit(limit + 1)).all()
    found = page(rows, limit, lambda row: (row.code,))
    return found | {"data": _with_terms(found["data"], now)}


def _with_terms(coupons: Sequence[Coupon], now: datetime) -> list[dict[str, Any]]:
    kinds: Mapping[UUID, CouponTemplate] = templates.many([one.template_id for one in coupons])
    return [coupon(one, kinds[one.template_id], now) for one in coupons]
