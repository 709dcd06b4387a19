"""Coupons of a quote: what each would take off the cart, or why not. Writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.coupons import redemption, templates
from crm.coupons.errors import CouponNotFound
from crm.coupons.models import CouponTemplate
from crm.coupons.redemption import Asked
from crm.coupons.worth import Cart, Goods, worth
from crm.errors import Refused
from crm.orders.coupon_figures import multiplier
from crm.orders.incoming import Line
from crm.points.rule import Rule


@dataclass(slots=True)
class Quoted:
    """What the coupons of a cart come to, in minor units: off the goods, and off the delivery.

    `told` says it for each, in the order given; `unknown` are those that do not exist.
    """

    told: list[dict[str, Any]] = field(default_factory=list)
    off_goods: int = 0
    off_shipping: int = 0
    rules: list[Rule] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def judge(
    codes: Sequence[str],
    member_id: UUID,
    lines: Sequence[Line],
    discount: int,
    shipping: int,
    at: datetime,
    *,
    now: datetime,
) -> Quoted:
    """Coupons one after the other, each on what those before it leave.

    `discount` is what else is taken off all of the cart; it fits.
    """
    quoted, before = Quoted(), []
    if not codes:
        return quoted
    cart = _cart(lines, discount, shipping)
    coupons = redemption.load(codes)
    kinds = templates.many([one.template_id for one in coupons.values()])
    known = {code: kinds[one.template_id] for code, one in coupons.items()}
    for code in codes:
        if code not in known:
            quoted.unknown.append(code)
            quoted.told.append(_told(code, None, [CouponNotFound()], 0))
            continue
        template, off = known[code], worth([*before, known[code]], cart)[-1]
        others = [(other, known[other]) for other in codes if other != code and other in known]
        asked = Asked(at=at, member_id=member_id, cart=cart, others=others)
        reasons = redemption.judge(coupons[code], template, asked, now=now, given=off).reasons
        if not reasons:
            before.append(template)
            _count(quoted, template, off, lines, at)
        quoted.told.append(_told(code, template, reasons, 0 if reasons else off))
    return quoted


def _cart(lines: Sequence[Line], discount: int, shipping: int) -> Cart:
    goods = [
        Goods(one.sku, one.category, one.quantity * one.unit_price - one.discount) for one in lines
    ]
    return Cart.after(goods, discount, shipping)


def _count(
    quoted: Quoted, template: CouponTemplate, off: int, lines: Sequence[Line], at: datetime
) -> None:
    if template.kind == "free_shipping":
        quoted.off_shipping += off
    elif template.kind == "points_multiplier":
        rule = multiplier(lines, at, template)
        quoted.rules += [rule] if rule is not None else []
    else:
        quoted.off_goods += off


def _told(
    code: str, template: CouponTemplate | None, reasons: Sequence[Refused], off: int
) -> dict[str, Any]:
    return {
        "code": code,
        "name": template and template.name,
        "kind": template and template.kind,
        "valid": not reasons,
        "reasons": reasons,
        "discount": off,
    }
