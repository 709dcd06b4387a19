"""Plans of campaigns out."""

import marshmallow as ma

from crm.http import Schema, fields


class PlanStepOut(Schema):
    """A step of the waterfall: what takes members away, and how many."""

    step = fields.Text()
    members = fields.Whole()


class PlanArmOut(Schema):
    """What an arm would get. Money in minor units; a coupon's exposure is what it can take off at
    most, null where nothing bounds it."""

    no = fields.Whole()
    members = fields.Whole()
    message_cost = fields.minor()
    coupon_exposure = fields.minor(allow_none=True)
    coupons_left = fields.Whole(allow_none=True)
    points = fields.Whole()
    points_value = fields.minor()


class PlanCostOut(Schema):
    """Money in minor units of `currency`; `worst` is all together at most, null without bound."""

    currency = fields.Text()
    messages = fields.minor()
    coupon_exposure = fields.minor(allow_none=True)
    points = fields.Whole()
    points_value = fields.minor()
    worst = fields.minor(allow_none=True)


class DetectableOut(Schema):
    """What the campaign will be able to tell: a rise from `base_share` of members buying within
    the attribution window to `detectable_share` (95 % confidence, 80 % power); null: none.
    `detectable_profit`: the like of profit per member, in minor units, by how much members'
    purchases varied in as many days before."""

    days = fields.Whole()
    treated = fields.Whole()
    holdout = fields.Whole()
    base_share = ma.fields.Float()
    detectable_share = ma.fields.Float(allow_none=True)
    detectable_profit = ma.fields.Float(allow_none=True)


class PlanCheckOut(Schema):
    """Something to look at before the launch; `blocks`: it can't be launched so."""

    code = fields.Text()
    text = fields.Text()
    blocks = fields.Flag()


class PlanOut(Schema):
    """What a launch would come to now. Nothing is written."""

    campaign = fields.Id()
    revision = fields.Whole()
    as_of = fields.Instant()
    waterfall = fields.Items(fields.Nested(PlanStepOut))
    will_send = fields.Whole()
    arms = fields.Items(fields.Nested(PlanArmOut))
    cost = fields.Nested(PlanCostOut)
    detectable = fields.Nested(DetectableOut)
    checks = fields.Items(fields.Nested(PlanCheckOut))
    needs_approval = fields.Flag()
    starts_at = fields.Instant(allow_none=True)
    ends_at = fields.Instant(allow_none=True)
