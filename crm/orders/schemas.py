"""Orders and refunds in and out. The single write and each item of a batch have the same form."""

import marshmallow as ma

from crm.coupons.template_schemas import Code
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.members import fingerprints
from crm.members.schemas import MemberRefIn

STATUSES = ("placed", "paid", "fulfilled", "delivered", "completed", "cancelled")
MOST_LINES = 500
MOST_IN_BATCH = 1000
MOST_COUPONS = 20


class LineIn(Schema):
    """One line: `discount` is what is taken off quantity × unit_price."""

    line_no = fields.Whole(1, 100_000, required=True)
    sku = fields.Text(100, required=True)
    name = fields.Text(200, required=True)
    category = fields.Text(100, load_default=None, allow_none=True)
    labels = fields.Items(fields.Text(60), 30, load_default=list)
    quantity = fields.Whole(1, 1_000_000, required=True)
    unit_price = fields.minor(required=True)
    discount = fields.minor(load_default=0)


class OrderIn(Schema):
    """An order, whole. `updated_at` is the shop's: an older write never overwrites a newer one.

    `tax` is the tax contained in the goods after discounts, `fingerprints` the shop's hashes of
    the device and the means of payment. `points_hold` is the hold of points that pays for the
    order: captured when it is paid, voided when it is cancelled before. `coupons` are the codes
    that the customer gave: used when it is paid, given back when it is cancelled. An order is not
    refused for them; the answer says what came of each.
    """

    member = fields.Nested(MemberRefIn, load_default=None, allow_none=True)
    status = fields.Choice(*STATUSES, required=True)
    placed_at = fields.Instant(required=True)
    paid_at = fields.Instant(load_default=None, allow_none=True)
    delivered_at = fields.Instant(load_default=None, allow_none=True)
    updated_at = fields.Instant(required=True)
    currency = fields.Text(3, low=3, pattern="[A-Z]{3}", required=True)
    store = fields.code(load_default=None, allow_none=True)
    lines = fields.Items(fields.Nested(LineIn), MOST_LINES, low=1, required=True)
    shipping = fields.minor(load_default=0)
    discount = fields.minor(load_default=0)
    tax = fields.minor(load_default=0)
    points_hold = fields.Id(load_default=None, allow_none=True)
    coupons = fields.Items(Code(), MOST_COUPONS, load_default=None, allow_none=True)
    region = fields.Text(40, load_default=None, allow_none=True)
    fingerprints = fingerprints.field(load_default=list)


class BatchOrderIn(OrderIn):
    """An order of a batch: it names its channel and number itself."""

    channel = fields.code(40, required=True)
    order_no = fields.Text(64, required=True)


class RefundLineIn(Schema):
    """Pieces of one line that were returned."""

    line_no = fields.Whole(1, 100_000, required=True)
    quantity = fields.Whole(1, 1_000_000, required=True)


class RefundIn(Schema):
    """A refund: lines or an amount, never both."""

    refunded_at = fields.Instant(required=True)
    lines = fields.Items(fields.Nested(RefundLineIn), MOST_LINES, low=1, load_default=None)
    amount = fields.minor(load_default=None)
    restock = fields.Flag(load_default=False)

    @ma.validates_schema
    def one_form(self, data: dict, **_: object) -> None:
        """Exactly one of lines and amount."""
        if (data.get("lines") is None) == (data.get("amount") is None):
            error = fields.wrong("lines_or_amount", N_("Send either lines or an amount."))
            raise ma.ValidationError({"amount": error.messages})
        numbers = [line["line_no"] for line in data.get("lines") or ()]
        if len(numbers) != len(set(numbers)):
            error = fields.wrong("line_no_twice", N_("A line stands here twice."))
            raise ma.ValidationError({"lines": error.messages})


class EarnedOut(Schema):
    """What the order earned: `points` remain after refunds, `granted` before them."""

    points = fields.points(required=True)
    granted = fields.points(required=True)
    state = fields.Choice("none", "pending", "available", "clawed_back", required=True)
    available_on = fields.Day(required=True, allow_none=True)
    available_at = fields.Instant(required=True, allow_none=True)
    breakdown = fields.Items(fields.Mapping(), 1000, required=True)


class LineOut(Schema):
    """A line as stored; `net` is paid for it after its share of the order's discount."""

    line_no = fields.Whole()
    sku = fields.Text()
    name = fields.Text()
    category = fields.Text(allow_none=True)
    labels = fields.Items(fields.Text())
    quantity = fields.Whole()
    unit_price = fields.minor()
    discount = fields.minor()
    net = fields.minor()


class RefundOut(Schema):
    """A refund and what it took off the order."""

    refund_no = fields.Text()
    refunded_at = fields.Instant()
    lines = fields.Items(fields.Nested(RefundLineIn), allow_none=True)
    amount = fields.minor(allow_none=True)
    restock = fields.Flag()
    value = fields.minor()
    deduct = fields.minor()


class DeductOut(Schema):
    """What the shop may keep of refunds, under `deduct_from_refund`: points that were gone, and
    the money (minor units) that they are worth."""

    points = fields.points()
    value = fields.minor()


class TenderOut(Schema):
    """What was paid with points: `points` worth `value`, in minor units; `restored_value` is the
    part of `refunded` that went back as points and is not to be paid out."""

    points = fields.points()
    value = fields.minor()
    restored_value = fields.minor()


class OrderCouponOut(Schema):
    """What came of a code: reserved (placed), used (paid), returned (cancelled, refunded); or
    blocked (before it is paid), refused. `discount` is what it takes off by its own terms.

    A reason is a code and the facts that fill it. Of a coupon that is used all the same the shop's
    price decided.
    """

    code = fields.Text()
    state = fields.Choice("reserved", "used", "returned", "blocked", "refused")
    template_id = fields.Id(allow_none=True)
    name = fields.Text(allow_none=True)
    kind = fields.Text(allow_none=True)
    bought_with_points = fields.Flag()
    discount = fields.minor()
    reasons = fields.Items(fields.Mapping(), 20)


class CouponDiscountOut(Schema):
    """What used coupons take off the goods by their own terms, and what the shop took off them for
    whatever reason, in minor units. `tender`: what coupons bought with points paid beside it."""

    expected = fields.minor()
    given = fields.minor()
    tender = fields.minor()


class OrderOut(Schema):
    """An order with what it earned. Amounts are minor units of `currency`.

    Over all refunds so far: `refunded` is the value returned; `restored` points that had paid for
    the order and went back; `clawed_back` points that were taken back, of
    them `debt` as a debt; `let_go` points that were gone and are not owed (`floor_at_zero`);
    `deduct_from_refund` those that the shop keeps money for.
    """

    id = fields.Id()
    channel = fields.Text()
    order_no = fields.Text()
    member_id = fields.Id(allow_none=True)
    status = fields.Choice(*STATUSES)
    currency = fields.Text()
    placed_at = fields.Instant()
    paid_at = fields.Instant(allow_none=True)
    delivered_at = fields.Instant(allow_none=True)
    updated_at = fields.Instant()
    store = fields.Text(allow_none=True)
    region = fields.Text(allow_none=True)
    lines = fields.Items(fields.Nested(LineOut), MOST_LINES)
    shipping = fields.minor()
    discount = fields.minor()
    tax = fields.minor()
    goods = fields.minor()
    total = fields.minor()
    refunded = fields.minor()
    net = fields.minor()
    refunds = fields.Items(fields.Nested(RefundOut))
    earned = fields.Nested(EarnedOut)
    points_hold = fields.Id(allow_none=True)
    tender = fields.Nested(TenderOut)
    coupons = fields.Items(fields.Nested(OrderCouponOut), MOST_COUPONS)
    coupon_discount = fields.Nested(CouponDiscountOut)
    restored = fields.points()
    clawed_back = fields.points()
    debt = fields.points()
    let_go = fields.points()
    deduct_from_refund = fields.Nested(DeductOut)
    stale = fields.Flag()


class ClaimIn(Schema):
    """Whose order it was."""

    member = fields.Nested(MemberRefIn, required=True)


class ReleaseIn(Schema):
    """Why points are released, for the audit trail. The body may be missing."""

    body_optional = True

    reason = fields.Text(200, load_default=None, allow_none=True)


class HeldRefundOut(Schema):
    """A refund that waits for its order."""

    state = fields.Choice("held")
    channel = fields.Text()
    order_no = fields.Text()
    refund_no = fields.Text()


class BatchItemOut(Schema):
    """What came of one item: its place in the batch, and an order's essence or a problem."""

    index = fields.Whole()
    status = fields.Whole()
    channel = fields.Text(allow_none=True)
    order_no = fields.Text(allow_none=True)
    order_id = fields.Id(allow_none=True)
    points = fields.points(allow_none=True)
    problem = fields.Mapping(allow_none=True)


class BatchOut(Schema):
    """All items in the order sent."""

    results = fields.Items(fields.Nested(BatchItemOut), MOST_IN_BATCH)
    saved = fields.Whole()
    refused = fields.Whole()


OrderPage = page_of(OrderOut)
