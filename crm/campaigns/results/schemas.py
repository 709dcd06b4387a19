"""The report out. Money in minor units of `currency`; what is per member has decimals."""

import marshmallow as ma

from crm.campaigns.models import MOST_ARMS, STATES
from crm.campaigns.results.standing import Lack, Status
from crm.campaigns.schemas import CampaignCountersOut
from crm.http import Schema, fields

MOST = 2**53


def signed(**kwargs) -> fields.Whole:
    """An amount of either sign, in minor units."""
    return fields.Whole(-MOST, MOST, **kwargs)


class EffectIntervalOut(Schema):
    """An estimate and the ends of its 95 % interval."""

    low = ma.fields.Float()
    estimate = ma.fields.Float()
    high = ma.fields.Float()


class EffectSaidOut(Schema):
    """What can be said of an effect over the holdout. `gain` and `loss` are beyond chance;
    `no_difference`: none that can be told from chance; `not_enough_data` says what is lacking, and
    about how many more days are needed (null where waiting does not help: the campaign is too
    small then, and so many `times_as_many` members would have been enough, where that is known).
    `text` says the same in words. `p` is adjusted for being one of several."""

    status = fields.Choice(*Status)
    lack = fields.Choice(*Lack, allow_none=True)
    more_days = fields.Whole(allow_none=True)
    times_as_many = fields.Whole(allow_none=True)
    text = fields.Text(allow_none=True)
    per_member = fields.Nested(EffectIntervalOut, allow_none=True)
    incremental = fields.Nested(EffectIntervalOut, allow_none=True)
    p = ma.fields.Float(allow_none=True)


class CampaignGroupOut(Schema):
    """Members of an arm, or of the holdout, whose time has come, and their orders placed in their
    windows. `sales`: goods after discounts and refunds, without tax. `profit`: margin of sales
    before discounts − discounts − points − messages − goods lost in refunds."""

    members = fields.Whole()
    buyers = fields.Whole()
    orders = fields.Whole()
    sales = signed()
    refunds = signed()
    discounts = signed()
    points_cost = signed()
    message_cost = signed()
    goods_lost = signed()
    profit = signed()
    profit_per_member = ma.fields.Float()


class CampaignArmReportOut(CampaignGroupOut, EffectSaidOut):
    """One arm: its messages by what became of them, its figures, its effect."""

    no = fields.Whole(1, MOST_ARMS)
    template = fields.Id()
    coupon_template = fields.Id(allow_none=True)
    planned = fields.Whole()
    pending = fields.Whole()
    sent = fields.Whole()
    delivered = fields.Whole()
    failed = fields.Whole()
    suppressed = fields.Whole()
    cancelled = fields.Whole()
    opened = fields.Whole()
    clicked = fields.Whole()
    redeemed = fields.Whole()
    opted_out = fields.Whole()
    complained = fields.Whole()


class CampaignTotalOut(EffectSaidOut):
    """All arms together. `detectable`: the smallest true effect per member that a campaign of this
    size finds four times out of five."""

    members = fields.Whole()
    detectable = ma.fields.Float(allow_none=True)


class ArmPairOut(Schema):
    """Two arms: how much more the first has per member than the second."""

    first = fields.Whole(1, MOST_ARMS)
    second = fields.Whole(1, MOST_ARMS)
    per_member = fields.Nested(EffectIntervalOut)
    p = ma.fields.Float()


class ArmWinnerOut(Schema):
    """The arm that is better than each other one beyond chance (Holm); null: there is none."""

    status = fields.Choice("winner", "no_difference", "not_enough_data", "one_arm")
    arm = fields.Whole(1, MOST_ARMS, allow_none=True)
    pairs = fields.Items(fields.Nested(ArmPairOut))


class EffectMethodOut(Schema):
    """How it was reckoned. `slope`: profit per unit of spend in the year before."""

    name = fields.Text()
    level = ma.fields.Float()
    slope = ma.fields.Float()
    margin_percent = ma.fields.Float()
    point_value = ma.fields.Float()
    policy_version = fields.Whole()


class AttributionWindowOut(Schema):
    """Orders count that were placed within `days` of their member's time. `over`: every member's
    window is."""

    days = fields.Whole()
    since = fields.Instant(allow_none=True)
    until = fields.Instant(allow_none=True)
    over = fields.Flag()


class ReportedCampaignOut(Schema):
    """Which campaign."""

    id = fields.Id()
    name = fields.Text()
    state = fields.Choice(*STATES)


class CampaignReportOut(Schema):
    """What came of a campaign, as of an instant."""

    campaign = fields.Nested(ReportedCampaignOut)
    as_of = fields.Instant()
    currency = fields.Text(3)
    window = fields.Nested(AttributionWindowOut)
    counters = fields.Nested(CampaignCountersOut)
    arms = fields.Items(fields.Nested(CampaignArmReportOut))
    holdout = fields.Nested(CampaignGroupOut)
    total = fields.Nested(CampaignTotalOut)
    winner = fields.Nested(ArmWinnerOut)
    method = fields.Nested(EffectMethodOut)
    definitions = fields.Mapping(fields.Text(), fields.Text(1000))
