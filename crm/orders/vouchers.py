"""Coupons that orders name: reserved while an order is placed, used once it is paid, given back.

An order is a fact and is never refused for its coupons. What came of each stands with the order:
`state` is reserved, used or returned; `blocked` (not paid yet) or `refused`, with the reasons; and
`discount` is what the coupon takes off by its own terms, in minor units.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.coupons import blocking, redemption, returning
from crm.coupons.errors import (
    CouponNotFound,
    MinBasisNotMet,
    NotStackable,
    OutOfScope,
)
from crm.coupons.models import Coupon, CouponTemplate
from crm.coupons.redemption import Asked
from crm.coupons.worth import Cart, worth
from crm.errors import Refused
from crm.orders.coupon_figures import cart_of, facts_of, multiplier, tender_of
from crm.orders.earnings import EARNING
from crm.orders.kept import Kept
from crm.points.programme_settings import Programme
from crm.points.rule import Rule

Entry = dict[str, Any]  # what came of a code, as the order keeps it
# What the shop decides by its price: told, but no reason to let the coupon be used again.
SHOPS_OWN = {MinBasisNotMet.code, OutOfScope.code, NotStackable.code}
KEPT = redemption.LONGEST  # how long an order that is only placed keeps its coupons


def codes_of(orders: Iterable[Kept]) -> set[str]:
    """The codes that these orders have named."""
    return {entry["code"] for order in orders for entry in order.coupons or ()}


class Vouchers:
    """The coupons of the orders of one piece of work, and their templates, locked."""

    def __init__(self, codes: Iterable[str], now: datetime) -> None:
        self.now = now
        wanted = set(codes)
        self.coupons: dict[str, Coupon] = {}
        self.templates: dict[UUID, CouponTemplate] = {}
        if wanted:
            self.coupons, self.templates = redemption.lock(wanted)

    def name(self, order: Kept, codes: Sequence[str] | None) -> None:
        """Let the order name these coupons; None leaves those that it has named.

        Those that it names no more are given back.
        """
        if codes is None:
            return
        known = {entry["code"]: entry for entry in order.coupons or ()}
        for code in known.keys() - set(codes):
            self._return(order, known[code])
        order.coupons = [known.get(code) or self._entry(code) for code in codes] or None

    def _entry(self, code: str) -> Entry:
        found = {"code": code, "state": "named", "discount": 0, "reasons": []}
        template = self._template(code)
        if template is not None:
            found |= facts_of(self.coupons[code], template)
        return found

    def _template(self, code: str) -> CouponTemplate | None:
        coupon = self.coupons.get(code)
        return None if coupon is None else self.templates[coupon.template_id]

    def follow(self, order: Kept, programme: Programme) -> None:
        """Let the order's coupons follow its state and its refunds."""
        if not order.coupons:
            return
        had = self._multiplying(order)
        if order.status == "cancelled":
            for entry in order.coupons:
                self._return(order, entry)
        elif order.status in EARNING:
            self._pay(order)
            self._count_tender(order, programme)
        else:
            self._judge_all(order, {"named", "blocked", "reserved", "returned"}, "reserved")
        order.basis_changed |= had != self._multiplying(order)

    def _pay(self, order: Kept) -> None:
        fully = bool(order.refunds) and order.refunded >= order.total
        due = {"named", "blocked", "reserved"} if fully else {
            "named", "blocked", "reserved", "returned"
        }  # fmt: skip
        self._judge_all(order, due, "used")
        if fully:
            for entry in order.coupons or ():
                template = self._template(entry["code"])
                if template is not None and template.returns_on_refund:
                    self._return(order, entry)

    def _judge_all(self, order: Kept, due: set[str], good: str) -> None:
        """Bring the coupons in these states to `good`, one after the other, or say why not."""
        assert order.coupons is not None
        cart = cart_of(order)
        before: list[CouponTemplate] = []
        for entry in order.coupons:
            template = self._template(entry["code"])
            if entry["state"] in due:
                self._judge(order, entry, cart, before, good)
            if template is not None and entry["state"] in ("used", "reserved"):
                before.append(template)

    def _judge(
        self,
        order: Kept,
        entry: Entry,
        cart: Cart,
        before: list[CouponTemplate],
        good: str,
    ) -> None:
        coupon, template = self.coupons.get(entry["code"]), self._template(entry["code"])
        if coupon is None or template is None:
            reasons: Sequence[Refused] = [CouponNotFound()]
        else:
            off = worth([*before, template], cart)[-1]
            asked = self._asked(order, entry, cart)
            judged = redemption.judge(coupon, template, asked, now=self.now, given=off)
            reasons, entry["discount"] = judged.reasons, off
            entry |= facts_of(coupon, template)
            if all(one.code in SHOPS_OWN for one in reasons):
                self._take(coupon, template, asked, off, good)
                entry["state"] = good
        entry["reasons"] = [{"code": one.code} | one.facts for one in reasons]
        if any(one.code not in SHOPS_OWN for one in reasons):
            entry["state"] = "refused" if good == "used" else "blocked"

    def _asked(self, order: Kept, entry: Entry, cart: Cart) -> Asked:
        others = [
            (other["code"], template)
            for other in order.coupons or ()
            if other is not entry and (template := self._template(other["code"])) is not None
        ]
        return Asked(
            at=order.placed_at,
            member_id=order.member_id,
            cart=cart,
            order=order.key,
            others=others,
            over_carts=True,
        )

    def _take(
        self, coupon: Coupon, template: CouponTemplate, asked: Asked, off: int, good: str
    ) -> None:
        assert asked.order is not None
        if good == "used":
            redemption.spend(coupon, template, asked, off, now=self.now)
        else:
            redemption.keep(coupon, blocking.order_reference(*asked.order), self.now + KEPT)

    def _return(self, order: Kept, entry: Entry) -> None:
        """Give a coupon back that this order has used or keeps."""
        coupon, template = self.coupons.get(entry["code"]), self._template(entry["code"])
        if coupon is None or template is None or entry["state"] not in ("used", "reserved"):
            return
        if coupon.state == "used" and (coupon.used_channel, coupon.used_order_no) == order.key:
            returning.give_back(coupon, template, now=self.now)
        elif coupon.reserved_for == blocking.order_reference(*order.key):
            returning.let_go(coupon)
        entry["state"] = "returned"

    def _count_tender(self, order: Kept, programme: Programme) -> None:
        """Of coupons bought with points, what no discount of the order shows was paid with them."""
        tender = tender_of(order)
        if tender != order.coupon_tender:
            order.coupon_tender = tender
            order.basis_changed |= not programme.basis.points_tender_earns

    def _multiplying(self, order: Kept) -> list[str]:
        return [
            entry["code"]
            for entry in order.coupons or ()
            if entry["state"] == "used" and entry.get("kind") == "points_multiplier"
        ]

    def rules(self, order: Kept) -> list[Rule]:
        """The multipliers of the coupons that the order has used, as the rulebook would have them.

        They apply to the goods that the coupon is for, whatever its minimum: that was judged.
        """
        templates = [self._template(code) for code in self._multiplying(order)]
        found = [
            multiplier(order.lines, order.placed_at, one) for one in templates if one is not None
        ]
        return [rule for rule in found if rule is not None]
