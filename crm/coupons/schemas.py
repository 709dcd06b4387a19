"""Coupons and the carts that they are held against, in and out."""

from collections.abc import Mapping
from typing import Any, ClassVar

import marshmallow as ma

from crm.coupons.blocking import OF_ORDER
from crm.coupons.documents import STATES
from crm.coupons.redemption import LONGEST, USUAL
from crm.coupons.template_schemas import Code, CouponGiftFields, CouponScopeFields
from crm.coupons.worth import Cart, Goods
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.members.schemas import MemberRefIn

MOST_LINES, MOST_TOGETHER = 500, 20


class CouponLineIn(Schema):
    """A line as in an order; what coupons do not look at may be missing."""

    line_no = fields.Whole(1, 100_000, load_default=None)
    sku = fields.Text(100, required=True)
    name = fields.Text(200, load_default=None, allow_none=True)
    category = fields.Text(100, load_default=None, allow_none=True)
    labels = fields.Items(fields.Text(60), 30, load_default=list)
    quantity = fields.Whole(1, 1_000_000, required=True)
    unit_price = fields.minor(required=True)
    discount = fields.minor(load_default=0)


class CouponCartIn(Schema):
    """A cart before its coupons: `discount` is what else is taken off all of it. `coupons` are the
    codes that shall go together."""

    lines = fields.Items(fields.Nested(CouponLineIn), MOST_LINES, low=1, required=True)
    discount = fields.minor(load_default=0)
    shipping = fields.minor(load_default=0)
    tax = fields.minor(load_default=0)
    channel = fields.code(40, load_default=None, allow_none=True)
    order_no = fields.Text(64, load_default=None, allow_none=True)
    store = fields.code(load_default=None, allow_none=True)
    currency = fields.Text(3, low=3, pattern="[A-Z]{3}", load_default=None, allow_none=True)
    coupons = fields.Items(Code(), MOST_TOGETHER, load_default=list)

    @ma.validates_schema
    def discounts_fit(self, data: dict, **_: object) -> None:
        """No discount is larger than what it is taken off; the whole is a sum of the contract."""
        wrong, total = {}, 0
        text = N_("The discount is larger than the amount that it is taken off.")
        for place, line in enumerate(data["lines"]):
            amount = line["quantity"] * line["unit_price"] - line["discount"]
            total += max(amount, 0)
            if amount < 0:
                found = fields.wrong("discount_too_large", text).messages
                wrong.setdefault("lines", {})[place] = {"discount": found}
        if data["discount"] > total:
            wrong["discount"] = fields.wrong("discount_too_large", text).messages
        if total > fields.MINOR_LIMIT:
            text = N_("The lines of an order come to at most {most} in minor units.")
            found = fields.wrong("amount_too_large", text, most=fields.MINOR_LIMIT).messages
            wrong["lines"] = found
        if wrong:
            raise ma.ValidationError(wrong)


def cart_of(body: Mapping[str, Any]) -> Cart:
    """The cart after its lines' discounts and its own."""
    goods = [
        Goods(
            line["sku"], line["category"], line["quantity"] * line["unit_price"] - line["discount"]
        )
        for line in body["lines"]
    ]
    return Cart.after(goods, body["discount"], body["shipping"])


class Reference(fields.Text):
    """The shop's name for a cart. Orders have names of their own, which begin with order:."""

    default_error_messages: ClassVar = {
        "like_an_order": N_("A cart's name may not begin with {start}.")
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(200, **kwargs)

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        found = super()._deserialize(value, attr, data, **kwargs)
        if found.startswith(OF_ORDER):
            raise self.make_error("like_an_order", start=OF_ORDER)
        return found


class ValidateCouponIn(Schema):
    """Whose cart, and what is in it. `reference`: the cart that may have reserved the coupon."""

    member = fields.Nested(MemberRefIn, load_default=None, allow_none=True)
    order = fields.Nested(CouponCartIn, required=True)
    reference = Reference(load_default=None, allow_none=True)


class ReserveCouponIn(Schema):
    """For which cart (`reference`), for how long; the coupon is held against `order` if given."""

    reference = Reference(required=True)
    ttl_seconds = fields.Whole(
        1, int(LONGEST.total_seconds()), load_default=int(USUAL.total_seconds())
    )
    member = fields.Nested(MemberRefIn, load_default=None, allow_none=True)
    order = fields.Nested(CouponCartIn, load_default=None, allow_none=True)


class UseCouponIn(Schema):
    """By which order; `reference` is the cart that has reserved the coupon, `discount` what the
    shop took off for it (without it: what the coupon takes off `order`)."""

    channel = fields.code(40, required=True)
    order_no = fields.Text(64, required=True)
    reference = Reference(load_default=None, allow_none=True)
    member = fields.Nested(MemberRefIn, load_default=None, allow_none=True)
    order = fields.Nested(CouponCartIn, load_default=None, allow_none=True)
    discount = fields.minor(load_default=None, allow_none=True)


class ReleaseCouponIn(Schema):
    """The cart that lets go of it, or the order that has used it. The body may be missing."""

    body_optional = True

    reference = Reference(load_default=None, allow_none=True)
    channel = fields.code(40, load_default=None, allow_none=True)
    order_no = fields.Text(64, load_default=None, allow_none=True)

    @ma.validates_schema
    def whole_name(self, data: dict, **_: object) -> None:
        """An order is named by both."""
        if (data.get("channel") is None) != (data.get("order_no") is None):
            error = fields.wrong("half_a_name", N_("Name an order by channel and order_no."))
            raise ma.ValidationError({"order_no": error.messages})


class VoidCouponIn(Schema):
    """Why the coupon is taken back."""

    reason = fields.Text(200, required=True)


class IssueCouponIn(Schema):
    """To whom, and for what: one coupon per template, member and occasion, for ever."""

    member = fields.Nested(MemberRefIn, required=True)
    occasion = fields.Text(200, required=True)


class CouponTermsOut(Schema):
    """What the coupon is good for."""

    id = fields.Id()
    name = fields.Text()
    kind = fields.Text()
    value = fields.minor()
    factor = fields.Text(allow_none=True)
    gift = fields.Nested(CouponGiftFields, allow_none=True)
    max_discount = fields.minor(allow_none=True)
    min_basis = fields.minor()
    scope = fields.Nested(CouponScopeFields)
    stackable = fields.Flag()


class CouponUsedOut(Schema):
    """By which order; `value` counts against the budget, in minor units."""

    at = fields.Instant()
    channel = fields.Text()
    order_no = fields.Text()
    member_id = fields.Id(allow_none=True)
    value = fields.minor()


class CouponSourceOut(Schema):
    """What gave the coupon."""

    type = fields.Text()
    id = fields.Text()


class CouponOut(Schema):
    """A coupon as it is now. `expires_at` is exclusive. Without a member it is in its pool."""

    code = fields.Text()
    state = fields.Choice(*STATES)
    template = fields.Nested(CouponTermsOut)
    member_id = fields.Id(allow_none=True)
    occasion = fields.Text(allow_none=True)
    source = fields.Nested(CouponSourceOut, allow_none=True)
    bought_with_points = fields.Flag()
    issued_at = fields.Instant(allow_none=True)
    valid_from = fields.Instant(allow_none=True)
    expires_at = fields.Instant(allow_none=True)
    reserved_for = fields.Text(allow_none=True)
    reserved_until = fields.Instant(allow_none=True)
    used = fields.Nested(CouponUsedOut, allow_none=True)
    voided_at = fields.Instant(allow_none=True)
    void_reason = fields.Text(allow_none=True)


class TakenCouponOut(CouponOut):
    """`discount`: what it takes off the cart, in minor units; null where no cart was given."""

    discount = fields.minor(allow_none=True)


class CouponVerdictOut(Schema):
    """Whether the coupon can be used, every reason against it, and what it takes off the cart.

    A reason is a `code`, a sentence (`detail`), and the facts that fill it.
    """

    valid = fields.Flag()
    reasons = fields.Items(fields.Mapping(), 20)
    discount = fields.minor(allow_none=True)
    coupon = fields.Nested(CouponOut)


class CouponQuery(PageQuery):
    """Those in one state as of now, or all."""

    state = fields.Choice(*STATES, load_default=None)


CouponPage = page_of(CouponOut)
