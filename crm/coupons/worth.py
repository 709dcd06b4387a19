"""What coupons take off a cart. Pure and exact, in minor units, rounded down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from crm.coupons.models import CouponTemplate


class Goods(NamedTuple):
    """A line of a cart; `amount` after its own discounts."""

    sku: str
    category: str | None
    amount: int


@dataclass(frozen=True, slots=True)
class Cart:
    """What coupons look at: goods, and what delivery costs."""

    goods: Sequence[Goods]
    shipping: int = 0

    @classmethod
    def after(cls, goods: Sequence[Goods], discount: int, shipping: int) -> "Cart":
        """The cart after a discount on all of it, which is spread over the goods."""
        amounts = take_off([one.amount for one in goods], discount)
        lines = [
            Goods(one.sku, one.category, left) for one, left in zip(goods, amounts, strict=True)
        ]
        return cls(lines, shipping)


def covers(template: CouponTemplate, goods: Goods) -> bool:
    """Whether goods are of what the coupon is for; without a scope all are."""
    if not template.skus and not template.categories:
        return True
    return goods.sku in template.skus or goods.category in template.categories


def basis(template: CouponTemplate, cart: Cart) -> int | None:
    """What the goods that the coupon is for come to; None when there are none."""
    found = [one.amount for one in cart.goods if covers(template, one)]
    return sum(found) if found else None


def most(template: CouponTemplate) -> int | None:
    """The most that one coupon can take off any cart; None when nothing bounds it."""
    if template.kind in ("amount", "gift"):
        return template.value
    if template.kind == "points_multiplier":
        return 0
    return template.max_discount


def discount(template: CouponTemplate, cart: Cart) -> int:
    """What a coupon takes off this cart: nothing where its minimum or its scope is not met.

    A gift comes beside the goods, and a multiplier with the points: both take nothing off.
    """
    found = basis(template, cart)
    if found is None or found < template.min_basis:
        return 0
    if template.kind == "free_shipping":
        off = cart.shipping
    elif template.kind == "percent":
        off = found * template.value // 100
    elif template.kind == "amount":
        off = min(template.value, found)
    else:
        return 0
    return off if template.max_discount is None else min(off, template.max_discount)


def worth(templates: Sequence[CouponTemplate], cart: Cart) -> list[int]:
    """What each of several coupons takes off, one after the other, in the order given."""
    found = []
    for template in templates:
        off = discount(template, cart)
        found.append(off)
        cart = _without(template, cart, off)
    return found


def _without(template: CouponTemplate, cart: Cart, off: int) -> Cart:
    if template.kind == "free_shipping":
        return Cart(cart.goods, cart.shipping - off)
    if template.kind not in ("amount", "percent"):
        return cart
    covered = [covers(template, one) for one in cart.goods]
    amounts = [one.amount for one, is_in in zip(cart.goods, covered, strict=True) if is_in]
    left = iter(take_off(amounts, off))
    goods = [
        Goods(one.sku, one.category, next(left)) if is_in else one
        for one, is_in in zip(cart.goods, covered, strict=True)
    ]
    return Cart(goods, cart.shipping)


def take_off(amounts: Sequence[int], off: int) -> list[int]:
    """Amounts after their shares of `off` (at most their sum), by largest remainder."""
    total = sum(amounts)
    off = min(off, total)
    if not off:
        return list(amounts)
    shares = [divmod(amount * off, total) for amount in amounts]
    rest = off - sum(share for share, _ in shares)
    first = sorted(range(len(shares)), key=lambda place: (-shares[place][1], place))[:rest]
    return [
        amount - share - (place in first)
        for place, (amount, (share, _)) in enumerate(zip(amounts, shares, strict=True))
    ]
