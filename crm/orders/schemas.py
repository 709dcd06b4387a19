"""Orders and refunds as they are sent, one by one or as items of a batch, in one form."""

import marshmallow as ma

from crm.coupons.template_schemas import Code
from crm.errors import N_
from crm.http import Schema, fields
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


class ClaimIn(Schema):
    """Whose order it was."""

    member = fields.Nested(MemberRefIn, required=True)


class ReleaseIn(Schema):
    """Why points are released, for the audit trail. The body may be missing."""

    body_optional = True

    reason = fields.Text(200, load_default=None, allow_none=True)
