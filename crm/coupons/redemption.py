"""Coupons are looked at, reserved by carts and used by orders; `returning` is the way back.

All of it happens under the lock of the coupon's row, so the first use wins and there is never a
second. What has expired or is no longer reserved is so at its own instant.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from crm.coupons import blocking, history, templates
from crm.coupons.blocking import Asked
from crm.coupons.errors import CouponNotFound
from crm.coupons.models import Coupon, CouponTemplate
from crm.coupons.worth import most, worth
from crm.db import db
from crm.errors import Refused

__all__ = ["Asked", "Verdict", "reserve", "use", "validate", "worth"]

USUAL = timedelta(minutes=15)
LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a coupon would do for a cart, and all that keeps it from doing so.

    `discount` in minor units; None where no cart was given.
    """

    coupon: Coupon
    template: CouponTemplate
    reasons: Sequence[Refused]
    discount: int | None

    def require(self) -> None:
        """Raise the first reason, with all of them as its fact `reasons`."""
        if self.reasons:
            first = self.reasons[0]
            told = [{"code": one.code} | one.facts for one in self.reasons]
            first.facts = first.facts | {"reasons": told}
            raise first


def load(codes: Iterable[str]) -> dict[str, Coupon]:
    """Those of these coupons that exist, as they stand."""
    query = select(Coupon).where(Coupon.code.in_(set(codes)))
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {row.code: row for row in rows}


def find(code: str) -> tuple[Coupon, CouponTemplate]:
    """A coupon and its template as they stand. Raises `CouponNotFound`."""
    coupon = load([code]).get(code)
    if coupon is None:
        raise CouponNotFound()
    return coupon, templates.get(coupon.template_id)


def lock(codes: Iterable[str]) -> tuple[dict[str, Coupon], dict[UUID, CouponTemplate]]:
    """Those of these coupons that exist, and their templates, locked in the one order."""
    query = select(Coupon).where(Coupon.code.in_(set(codes))).order_by(Coupon.code)
    rows = db.session.scalars(query.with_for_update().execution_options(populate_existing=True))
    coupons = {row.code: row for row in rows}
    return coupons, templates.lock([one.template_id for one in coupons.values()])


def locked(code: str) -> tuple[Coupon, CouponTemplate]:
    """A coupon and its template under lock. Raises `CouponNotFound`."""
    coupons, found = lock([code])
    if code not in coupons:
        raise CouponNotFound()
    return coupons[code], found[coupons[code].template_id]


def validate(code: str, asked: Asked, *, now: datetime) -> Verdict:
    """Every reason that blocks the coupon at once, and what it takes off the cart.

    Writes nothing. Raises `CouponNotFound`.
    """
    return judge(*find(code), asked, now=now)


def judge(
    coupon: Coupon,
    template: CouponTemplate,
    asked: Asked,
    *,
    now: datetime,
    given: int | None = None,
) -> Verdict:
    """The verdict on a coupon in hand; `given` is what the shop takes off for it, if it said so."""
    discount = None
    if asked.cart is not None:
        before = [other for _, other in asked.others]
        discount = worth([*before, template], asked.cart)[-1]
    had = 0
    is_loose = coupon.member_id is None and asked.member_id is not None
    if is_loose and template.per_member_limit is not None:
        assert asked.member_id is not None
        had = history.times_had(template, asked.member_id)
    cost = cost_of(template, discount if given is None else given)
    found = blocking.reasons(coupon, template, asked, now=now, had=had, off=cost)
    return Verdict(coupon, template, found, discount)


def cost_of(template: CouponTemplate, discount: int | None) -> int:
    """What a use counts against the budget: what it takes off, or what the gift is worth.

    Where the discount is not known, the most that it can be, as far as that is bounded.
    """
    if discount is None or template.kind == "gift":
        return most(template) or 0
    return discount


def reserve(code: str, asked: Asked, *, now: datetime, ttl: timedelta = USUAL) -> Verdict:
    """Keep a coupon for the cart `asked.reference` until `now + ttl` (at most seven days).

    The same cart again prolongs it. Raises `CouponNotFound`, or the first reason that blocks it.
    """
    assert asked.reference is not None
    assert timedelta() < ttl <= LONGEST, ttl
    verdict = judge(*locked(code), asked, now=now)
    verdict.require()
    keep(verdict.coupon, asked.reference, now + ttl)
    db.session.flush()
    return verdict


def keep(coupon: Coupon, reference: str, until: datetime) -> None:
    """Reserve a coupon that is locked and was judged."""
    if coupon.state != "used":
        coupon.state, coupon.reserved_for, coupon.reserved_until = "reserved", reference, until


def use(code: str, asked: Asked, *, now: datetime, discount: int | None = None) -> Verdict:
    """Use a coupon for the order `asked.order`, once; the same order again changes nothing.

    `discount` is what the shop took off; without it what the coupon takes off the cart. Raises
    `CouponNotFound`, or the first reason that blocks it.
    """
    assert asked.order is not None
    verdict = judge(*locked(code), asked, now=now, given=discount)
    verdict.require()
    off = verdict.discount if discount is None else discount
    spend(verdict.coupon, verdict.template, asked, off, now=now)
    db.session.flush()
    return verdict


def spend(
    coupon: Coupon, template: CouponTemplate, asked: Asked, discount: int | None, *, now: datetime
) -> None:
    """Use a coupon that is locked and was judged. One that this order has used stays so.

    What a shop gave beyond the budget is not counted: it is the shop's own.
    """
    assert asked.order is not None
    if coupon.state == "used":
        return
    cost = cost_of(template, discount)
    template.committed -= coupon.committed
    if template.budget is not None:
        cost = min(cost, template.budget - template.value_used - template.committed)
    template.value_used += cost
    template.used += 1
    if coupon.member_id is None:
        template.issued += 1
        template.pool -= 1
    coupon.state, coupon.used_at, coupon.value_used = "used", now, cost
    coupon.used_channel, coupon.used_order_no = asked.order
    coupon.used_member = asked.member_id or coupon.member_id
    coupon.committed, coupon.reserved_for, coupon.reserved_until = 0, None, None
