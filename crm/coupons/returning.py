"""Coupons on their way back: free again, given back by an order, or taken back for good."""

from datetime import datetime

from crm.coupons.errors import AlreadyUsed, CouponVoid, NotUsed, ReservedElsewhere
from crm.coupons.models import Coupon, CouponTemplate
from crm.coupons.redemption import locked
from crm.coupons.worth import most
from crm.db import db
from crm.http.fields import instant_text


def release(
    code: str,
    *,
    now: datetime,
    reference: str | None = None,
    order: tuple[str, str] | None = None,
) -> tuple[Coupon, CouponTemplate]:
    """Give a coupon free: from its cart, or (`order`) from the order that has used it.

    What is free stays free. Raises `CouponNotFound`, `CouponVoid`, `ReservedElsewhere`,
    `AlreadyUsed`, `NotUsed`.
    """
    coupon, template = locked(code)
    if coupon.state == "void":
        raise CouponVoid()
    if order is not None:
        if coupon.state == "used" and order != (coupon.used_channel, coupon.used_order_no):
            raise NotUsed()
        give_back(coupon, template, now=now)
    elif coupon.state == "used":
        assert coupon.used_at is not None
        raise AlreadyUsed(used_at=instant_text(coupon.used_at))
    elif coupon.is_reserved(now) and reference not in (None, coupon.reserved_for):
        assert coupon.reserved_until is not None
        raise ReservedElsewhere(reserved_until=instant_text(coupon.reserved_until))
    let_go(coupon)
    db.session.flush()
    return coupon, template


def let_go(coupon: Coupon) -> None:
    """End a reservation."""
    if coupon.state == "reserved":
        coupon.state, coupon.reserved_for, coupon.reserved_until = "issued", None, None


def give_back(coupon: Coupon, template: CouponTemplate, *, now: datetime) -> None:
    """Undo the use of a coupon that is locked. Its last day stays what it was."""
    if coupon.state != "used":
        return
    template.used -= 1
    template.value_used -= coupon.value_used
    if coupon.member_id is None:
        template.issued -= 1
        template.pool += 1
    coupon.state, coupon.value_used = "issued", 0
    coupon.used_at = coupon.used_channel = coupon.used_order_no = coupon.used_member = None
    if coupon.member_id is not None and coupon.state_at(now) != "expired":
        coupon.committed = _commitment(template)
        template.committed += coupon.committed


def _commitment(template: CouponTemplate) -> int:
    """What a coupon that is open again may cost, as far as the budget still has it."""
    cost = most(template) or 0
    if template.budget is None:
        return cost
    return min(cost, template.budget - template.value_used - template.committed)


def void(code: str, *, reason: str, now: datetime) -> tuple[Coupon, CouponTemplate]:
    """Take a coupon back that was not used; what is void stays so.

    It counts no more against stock, budget and limits. Raises `CouponNotFound`, `AlreadyUsed`.
    """
    coupon, template = locked(code)
    if coupon.state == "used":
        assert coupon.used_at is not None
        raise AlreadyUsed(used_at=instant_text(coupon.used_at))
    if coupon.state == "void":
        return coupon, template
    let_go(coupon)
    template.committed -= coupon.committed
    if coupon.member_id is None:
        template.pool -= 1
    else:
        template.issued -= 1
    coupon.state, coupon.voided_at, coupon.void_reason = "void", now, reason
    coupon.committed = 0
    db.session.flush()
    return coupon, template
