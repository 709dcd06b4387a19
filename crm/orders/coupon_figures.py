"""What coupons come to on an order: discounts told and given, tender, multiplied points. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from crm.coupons.models import Coupon, CouponTemplate
from crm.coupons.worth import Cart, Goods, covers
from crm.orders.kept import Kept
from crm.points.rule import MULTIPLIER, Rule

OFF_GOODS = {"amount", "percent"}


def facts_of(coupon: Coupon, template: CouponTemplate) -> dict[str, Any]:
    """What an order keeps of a coupon that it named."""
    return {
        "template_id": str(template.id),
        "name": template.name,
        "kind": template.kind,
        "bought_with_points": coupon.bought_with_points,
    }


def multiplier(lines: Iterable[Any], placed_at: datetime, template: CouponTemplate) -> Rule | None:
    """The rule that a coupon is for the points of an order with these lines; None: it is for none
    of its goods."""
    has_scope = bool(template.skus or template.categories)
    goods = [line.sku for line in lines if covers(template, _goods(line, 0))]
    if has_scope and not goods:
        return None
    document = {
        "kind": MULTIPLIER,
        "name": template.name,
        "factor": str(template.factor),
        "conditions": {"skus": goods if has_scope else []},
    }
    return Rule.parse(document, id=template.id, version=1, valid_from=placed_at)


def shares_of_coupons(breakdown: list[dict[str, Any]], rules: Sequence[Rule]) -> None:
    """Say of the shares that coupons gave whose they are: `coupon_template`, and no `rule_id`."""
    ids = {str(rule.id) for rule in rules}
    for share in breakdown:
        if share["rule_id"] in ids:
            share["coupon_template"] = share["rule_id"]
            share["rule_id"] = share["version"] = None


def expected_discount(order: Kept) -> int:
    """What the used coupons take off the goods by their own terms, in minor units."""
    return sum(entry["discount"] for entry in _off_goods(order))


def given_discount(order: Kept) -> int:
    """All that the shop took off the goods, in minor units: its price is the truth."""
    return order.discount + sum(line.discount for line in order.lines)


def tender_of(order: Kept) -> int:
    """What coupons bought with points paid: their part that no discount of the order shows."""
    bought = sum(one["discount"] for one in _off_goods(order) if one["bought_with_points"])
    return min(bought, max(0, expected_discount(order) - given_discount(order)))


def _off_goods(order: Kept) -> list[dict[str, Any]]:
    return [
        entry
        for entry in order.coupons or ()
        if entry["state"] == "used" and entry["kind"] in OFF_GOODS
    ]


def cart_of(order: Kept) -> Cart:
    """The goods after their lines' discounts; the order's own discount has the coupons in it."""
    goods = [_goods(line, line.quantity * line.unit_price - line.discount) for line in order.lines]
    return Cart(goods, order.shipping)


def _goods(line: Any, amount: int) -> Goods:
    return Goods(line.sku, line.category, amount)
