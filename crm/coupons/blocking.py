"""Why a coupon can't be used: every reason at once, each a refusal of its own. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.coupons import worth
from crm.coupons.errors import (
    AlreadyUsed,
    BudgetExhausted,
    CouponExpired,
    CouponNotYetValid,
    CouponVoid,
    MemberLimitReached,
    MinBasisNotMet,
    NotStackable,
    OutOfScope,
    ReservedElsewhere,
    StockEmpty,
    TemplateEnded,
    WrongMember,
)
from crm.coupons.models import Coupon, CouponTemplate
from crm.coupons.worth import Cart
from crm.errors import Refused
from crm.http.fields import instant_text

OF_ORDER = "order:"  # how the references of orders begin; carts may not call themselves so


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants to use a coupon, and for what; what is None is not looked at.

    `reference` is the cart, `order` the (channel, order_no). `others` are the cart's other
    coupons, as code and template. `at` is the instant at which the coupon has to be valid.
    `over_carts`: reservations by carts do not stand in the way, for the order is a fact.
    """

    at: datetime
    member_id: UUID | None = None
    cart: Cart | None = None
    reference: str | None = None
    order: tuple[str, str] | None = None
    others: Sequence[tuple[str, CouponTemplate]] = ()
    over_carts: bool = False


def order_reference(channel: str, order_no: str) -> str:
    """What an order that is not paid yet reserves by."""
    return f"{OF_ORDER}{channel}/{order_no}"


def reasons(
    coupon: Coupon, template: CouponTemplate, asked: Asked, *, now: datetime, had: int, off: int
) -> list[Refused]:
    """All that keeps the coupon from being used.

    `had` is how many of these coupons the member has had, `off` what this one would take off.
    """
    if coupon.state == "used" and asked.order == (coupon.used_channel, coupon.used_order_no):
        return []
    return [
        *_state(coupon, asked, now),
        *_time(coupon, template, asked, now),
        *_owner(coupon, template, asked, had),
        *_money(coupon, template, off),
        *_cart(template, asked),
    ]


def _state(coupon: Coupon, asked: Asked, now: datetime) -> Iterator[Refused]:
    if coupon.state == "void":
        yield CouponVoid()
    elif coupon.state == "used":
        assert coupon.used_at is not None
        yield AlreadyUsed(used_at=instant_text(coupon.used_at))
    elif coupon.is_reserved(now) and not _is_ours(coupon, asked):
        assert coupon.reserved_until is not None
        yield ReservedElsewhere(reserved_until=instant_text(coupon.reserved_until))


def _is_ours(coupon: Coupon, asked: Asked) -> bool:
    by = coupon.reserved_for or ""
    if asked.order is not None and by == order_reference(*asked.order):
        return True
    if asked.over_carts and not by.startswith(OF_ORDER):
        return True
    return asked.reference is not None and by == asked.reference


def _time(
    coupon: Coupon, template: CouponTemplate, asked: Asked, now: datetime
) -> Iterator[Refused]:
    if template.valid_from is not None and template.valid_from > asked.at:
        yield CouponNotYetValid(valid_from=instant_text(template.valid_from))
    end = coupon.expires_at
    # What was reserved in time may still be paid for while the reservation lasts.
    in_hand = coupon.is_reserved(now) and _is_ours(coupon, asked)
    if end is not None and end <= asked.at and not in_hand:
        yield CouponExpired(expired_at=instant_text(end))


def _owner(coupon: Coupon, template: CouponTemplate, asked: Asked, had: int) -> Iterator[Refused]:
    if coupon.member_id is not None:
        if asked.member_id not in (None, coupon.member_id):
            yield WrongMember()
        return
    if template.ended_at is not None and template.ended_at <= asked.at:
        yield TemplateEnded()
    if template.stock is not None and template.issued >= template.stock:
        yield StockEmpty(stock=template.stock)
    limit = template.per_member_limit
    if limit is not None and asked.member_id is not None and had >= limit:
        yield MemberLimitReached(limit=limit)


def _money(coupon: Coupon, template: CouponTemplate, off: int) -> Iterator[Refused]:
    if template.budget is None or coupon.state in ("used", "void"):
        return
    spent = template.value_used + template.committed - coupon.committed
    if off > template.budget - spent:
        yield BudgetExhausted(budget=template.budget)


def _cart(template: CouponTemplate, asked: Asked) -> Iterator[Refused]:
    if asked.cart is not None:
        found = worth.basis(template, asked.cart)
        if found is None:
            yield OutOfScope()
        missing = template.min_basis - (found or 0)
        if missing > 0:
            yield MinBasisNotMet(min_basis=template.min_basis, basis=found or 0, missing=missing)
    against = [code for code, other in asked.others if not (template.stackable and other.stackable)]
    if against:
        facts: dict[str, Any] = {"with": against}  # a word of the language, so no plain argument
        yield NotStackable(**facts)
