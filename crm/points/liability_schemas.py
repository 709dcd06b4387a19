"""The liability report out. Shares are 0 to 1; values are minor units of the currency."""

import marshmallow as ma
from marshmallow import validate

from crm.http import Schema, fields

MOST_MONTHS = 3_000  # years 1970 to 2200
MOST = 2**63 - 1


def share(**kwargs) -> ma.fields.Float:
    """A share, 0 to 1."""
    return ma.fields.Float(validate=validate.Range(0, 1), **kwargs)


class ValueOut(Schema):
    """An amount in minor units."""

    amount = fields.Whole(0, MOST)
    currency = fields.Text(3)


class WorthOut(Schema):
    """Points, and what they are worth when they are spent."""

    points = fields.Whole(0, MOST)
    value = fields.Nested(ValueOut)


class RateOut(Schema):
    """What points are worth, by the programme in force at the instant."""

    points_per_step = fields.Whole(1)
    value_per_step = fields.Whole(0, fields.MINOR_LIMIT)
    currency = fields.Text(3)


class MonthOut(WorthOut):
    """Points whose last valid day is in this month of the programme's calendar."""

    month = fields.Text(7)
    expected_to_lapse = fields.Nested(WorthOut, allow_none=True)


class AgeOut(Schema):
    """Of points issued: the share still there at this age; and of those, how many will lapse."""

    age_percent = fields.Whole(0, 100)
    remaining_share = share()
    lapse_share = share()


class BreakageOut(Schema):
    """The points that will lapse unused, told from `lots` that came to their end.

    `status` is too_little_history, and the rest null, while `lots` < `lots_needed`.
    """

    status = fields.Choice("estimated", "too_little_history")
    lots = fields.Whole(0, MOST)
    lots_needed = fields.Whole(1)
    lapsed_share = share(allow_none=True)
    points = fields.Whole(0, MOST, allow_none=True)
    value = fields.Nested(ValueOut, allow_none=True)
    survival = fields.Items(fields.Nested(AgeOut), 11)


class LiabilityOut(Schema):
    """What the shop owes in points: outstanding = available + pending + held."""

    as_of = fields.Instant()
    redemption = fields.Nested(RateOut)
    outstanding = fields.Nested(WorthOut)
    available = fields.Nested(WorthOut)
    pending = fields.Nested(WorthOut)
    held = fields.Nested(WorthOut)
    debt = fields.Nested(WorthOut)
    never_expiring = fields.Nested(WorthOut)
    expiring = fields.Items(fields.Nested(MonthOut), MOST_MONTHS)
    breakage = fields.Nested(BreakageOut)
    expected_redemption = fields.Nested(WorthOut, allow_none=True)
