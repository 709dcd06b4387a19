"""What a cart would earn, what could be paid with points, and the tier after it. Writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.ids import uuid7
from crm.members import profiles
from crm.members.tiers import engine
from crm.members.tiers import storage as tiers
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.reviews import advance
from crm.members.tiers.standing import Standing
from crm.orders import quoted_coupons
from crm.orders.allowances import Allowances
from crm.orders.coupon_figures import shares_of_coupons
from crm.orders.earnings import zone_of
from crm.orders.errors import CurrencyMismatch, TaxTooLarge
from crm.orders.incoming import Line
from crm.orders.pricing import nets
from crm.orders.quoted_coupons import Quoted
from crm.orders.standing import Purchases, activities
from crm.points import balances, rulebook
from crm.points.basis import basis_of
from crm.points.cart import Cart, CartLine, EarningFacts
from crm.points.earning import Earning, evaluate
from crm.points.programme_settings import Programme


@dataclass(frozen=True, slots=True)
class Asked:
    """A cart as a till or a shop asks about it; amounts in minor units."""

    lines: list[Line]
    discount: int
    shipping: int
    channel: str | None
    store: str | None
    tax: int = 0
    coupons: Sequence[str] = ()


def quote(member_id: UUID, asked: Asked, at: datetime, *, now: datetime) -> dict[str, Any]:
    """The answer to `POST /points/quote` for the instant `at`.

    What its coupons take off earns nothing, and those that multiply points do. Caps over days and
    months count what the member's orders have used of them. Raises `MemberNotFound`,
    `LineTwice`, `DiscountTooLarge`, `TaxTooLarge`.
    """
    book = rulebook.load()
    programme = book.programme_at(at)
    facts = profiles.require_facts(member_id, default_zone=programme.timezone)
    buyer = _buyer(member_id, facts, at)
    _check_tax(asked)
    coupons = quoted_coupons.judge(
        asked.coupons, member_id, asked.lines, asked.discount, asked.shipping, at, now=now
    )
    cart, rules = _cart(asked, coupons, at), book.rules_at(at)
    used = Allowances({member_id: facts}).used(member_id, at, programme, rules)
    earned = evaluate(programme, [*rules, *coupons.rules], cart, buyer.earning(), used)
    available = balances.balance(member_id, at, now=now)["available"]
    return {
        "earn": _earned(earned, coupons),
        "redeem": redeemable(programme, cart, available),
        "tier_after": buyer.tier_after(sum(line.net for line in cart.lines)),
        "coupons": coupons,
    }


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who asks: what he bought so far, and where that has put him at the instant `at`."""

    facts: profiles.MemberFacts
    activity: Purchases
    ladder: Ladder
    standing: Standing
    at: datetime

    def earning(self) -> EarningFacts:
        """What rules ask of him."""
        tier = self.ladder.tier(engine.held(self.standing, self.ladder, self.at))
        return EarningFacts(
            zone=zone_of(self.facts.zone),
            tier=tier.code,
            multiplier=tier.multiplier,
            segment=self.facts.segment,
            first_order=not self.activity.orders,
            birthday_month=self.facts.birthday_month,
        )

    def tier_after(self, goods: int) -> str:
        """The tier that he would hold with goods for so much bought now."""
        standing = self.standing
        if goods:
            order_id = uuid7()
            self.activity.orders[order_id] = (self.at, goods)
            standing, _ = engine.on_order(
                standing, self.ladder, self.activity, self.at, order_id,
                zone_of(self.facts.zone), self.facts.created_at, now=self.at,
            )  # fmt: skip
        return engine.held(standing, self.ladder, self.at)


def _buyer(member_id: UUID, facts: profiles.MemberFacts, at: datetime) -> Buyer:
    """A member with his standing brought up to the instant."""
    ladder, activity = tiers.ladder_at(at), activities([member_id])[member_id]
    standing = tiers.standings([member_id])[member_id]
    zone = zone_of(facts.zone)
    standing, _ = advance(standing, ladder, activity, at, zone, facts.created_at)
    return Buyer(facts, activity, ladder, standing, at)


def _check_tax(asked: Asked) -> None:
    goods = sum(nets(asked.lines, asked.discount))
    if asked.tax > goods:
        raise TaxTooLarge(pointer="/tax", most=goods)


def _earned(earned: Earning, coupons: Quoted) -> dict[str, Any]:
    """The points, and which rule and coupon brings how many of them."""
    breakdown = earned.document()["breakdown"]
    shares_of_coupons(breakdown, coupons.rules)
    return {
        "points": earned.points,
        "desired": earned.desired,
        "breakdown": breakdown,
        "capped_by": earned.capped_by,
    }


def check_currency(currency: str | None, now: datetime) -> None:
    """Raise `CurrencyMismatch` for another currency than the programme's."""
    expected = rulebook.load().programme_at(now).currency
    if currency not in (None, expected):
        raise CurrencyMismatch(pointer="/order/currency", currency=currency, expected=expected)


def _cart(asked: Asked, coupons: Quoted, at: datetime) -> Cart:
    """The cart after all that is taken off, spread as an order's discount is."""
    amounts = nets(asked.lines, asked.discount + coupons.off_goods)
    lines = [
        CartLine(line.line_no, line.sku, line.quantity, net, line.category, line.labels)
        for line, net in zip(asked.lines, amounts, strict=True)
    ]
    shipping, tax = asked.shipping - coupons.off_shipping, min(asked.tax, sum(amounts))
    return Cart(lines, at, asked.channel, asked.store, shipping, tax)


def redeemable(programme: Programme, cart: Cart, available: int) -> dict[str, int]:
    """The most points that may pay for a cart, in whole steps, and what they are worth.

    At most `max_share_percent` of the basis (the goods that earn), never less than `min_points`.
    """
    settings = programme.redemption
    basis = basis_of(programme.basis, cart)
    most_value = basis.total * settings.max_share_percent // (100 * basis.over)
    steps = min(available // settings.points_per_step, most_value // settings.value_per_step)
    if steps * settings.points_per_step < settings.min_points:
        steps = 0
    return {
        "max_points": steps * settings.points_per_step,
        "max_value": steps * settings.value_per_step,
        "step": settings.points_per_step,
        "value_per_step": settings.value_per_step,
        "available": available,
    }
