"""The policy of campaigns in and out."""

from crm.campaigns.schemas import MOST_DAYS
from crm.http import Schema, fields
from crm.http.fields import MINOR_LIMIT


class ApprovalLimitsIn(Schema):
    """From which size on a second person looks; null: never for this."""

    recipients = fields.Whole(0, fields.POINTS_LIMIT, allow_none=True)
    cost = fields.Whole(0, MINOR_LIMIT, allow_none=True)


class CampaignPolicyIn(Schema):
    """What is named changes. `margin_percent`: what of sales before discounts is margin, by which
    results are reckoned."""

    approval = fields.Nested(ApprovalLimitsIn)
    holdout_percent = fields.Whole(0, 90)
    attribution_days = fields.Whole(1, MOST_DAYS)
    margin_percent = fields.Whole(0, 100)


class CampaignPolicyOut(Schema):
    """What holds for all campaigns; version 0 is what a shop starts with."""

    version = fields.Whole()
    approval = fields.Nested(ApprovalLimitsIn)
    holdout_percent = fields.Whole()
    attribution_days = fields.Whole()
    margin_percent = fields.Whole()
