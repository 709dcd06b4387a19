"""Orders and refunds as they are answered: what came of them, of their points and coupons."""

from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.orders.schemas import MOST_COUPONS, MOST_IN_BATCH, MOST_LINES, STATUSES, RefundLineIn


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
