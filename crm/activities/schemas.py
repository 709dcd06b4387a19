"""Explanations out."""

from crm.http import Schema, fields
from crm.orders.schemas import MOST_LINES
from crm.points.schemas import AwardShareOut, EntryOut


class RuleLineOut(Schema):
    """What a rule gave on one line, a decimal of at most six digits after the point."""

    line_no = fields.Whole()
    sku = fields.Text(allow_none=True)
    points = fields.Text()


class AppliedOut(Schema):
    """A rule that gave points on the order; `factor` where it is a multiplier, `expiry` where its
    points last by a policy of its own. A coupon's share has no rule but a `coupon_template`."""

    rule_id = fields.Id(allow_none=True)
    version = fields.Whole(1, allow_none=True)
    coupon_template = fields.Id(allow_none=True)
    name = fields.Text()
    kind = fields.Text()
    points = fields.Text()
    factor = fields.Text(allow_none=True)
    capped_by = fields.Text(allow_none=True)
    expiry = fields.Mapping(allow_none=True)
    lines = fields.Items(fields.Nested(RuleLineOut), MOST_LINES)


class LineReasonOut(Schema):
    """A line that earned nothing by itself."""

    line_no = fields.Whole()
    code = fields.Choice("no_value", "excluded_goods")
    detail = fields.Text()


class TierShareOut(Schema):
    """The tier's multiplier, and what it added."""

    code = fields.Text()
    factor = fields.Text()
    points = fields.Text()


class OrderPointsOut(Schema):
    """Why an order gave these points: `desired` before caps, `granted` after them, `points` left
    after refunds; each rule that applied, and each that did not with the reason."""

    channel = fields.Text()
    order_no = fields.Text()
    member_id = fields.Id(allow_none=True)
    state = fields.Choice("no_member", "not_paid", "cancelled", "counted")
    detail = fields.Text()
    points = fields.points()
    granted = fields.points()
    clawed_back = fields.points()
    desired = fields.Whole()
    capped_by = fields.Text(allow_none=True)
    basis = fields.minor()
    rounding = fields.Text(allow_none=True)
    programme = fields.Whole(1, allow_none=True)
    tier = fields.Nested(TierShareOut, allow_none=True)
    applied = fields.Items(fields.Nested(AppliedOut), 1000)
    not_applied = fields.Items(fields.Mapping(), 1000)
    lines = fields.Items(fields.Nested(LineReasonOut), MOST_LINES)


class WhyOut(Schema):
    """Why an entry is what it is: an order's points, or the rules of an award."""

    detail = fields.Text()
    order = fields.Nested(OrderPointsOut, allow_none=True)
    desired = fields.points()
    granted = fields.points()
    capped_by = fields.Text(allow_none=True)
    breakdown = fields.Items(fields.Nested(AwardShareOut))
    not_applied = fields.Items(fields.Mapping(), 1000)


class EntryWhyOut(EntryOut):
    """An entry with its reason."""

    why = fields.Nested(WhyOut)
