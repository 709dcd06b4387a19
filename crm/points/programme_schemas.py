"""The programme in and out: every field optional, bounds on everything. Money in minor units."""

from functools import cache
from typing import ClassVar
from zoneinfo import available_timezones

import marshmallow as ma
from babel.numbers import list_currencies

from crm.errors import N_
from crm.http import Schema, fields
from crm.points import programme_settings as settings
from crm.points.rule import ACTIVITIES
from crm.versions import STATES

LONGEST_DAYS = 3650
LONGEST_MONTHS = 600
MOST_EXCLUDED = 1000


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


class Zone(fields.Text):
    """The name of a time zone, as in Asia/Shanghai."""

    default_error_messages: ClassVar = {
        "unknown_timezone": N_("This is not the name of a time zone, such as Asia/Shanghai.")
    }

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        found = super()._deserialize(value, attr, data, **kwargs)
        if found not in _zones():
            raise self.make_error("unknown_timezone")
        return found


class Currency(fields.Text):
    """An ISO 4217 code."""

    default_error_messages: ClassVar = {
        "unknown_currency": N_("This is not the code of a currency, such as CNY.")
    }

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        found = super()._deserialize(value, attr, data, **kwargs)
        if found not in list_currencies():
            raise self.make_error("unknown_currency")
        return found


class ExcludedGoods(Schema):
    """Goods that earn nothing; a list that is given replaces the old one."""

    skus = fields.Items(fields.Text(100), MOST_EXCLUDED)
    categories = fields.Items(fields.Text(100), MOST_EXCLUDED)
    labels = fields.Items(fields.Text(60), MOST_EXCLUDED)


class BasisSettings(Schema):
    """What of an order earns."""

    include_tax = fields.Flag()
    include_shipping = fields.Flag()
    points_tender_earns = fields.Flag()
    excluded = fields.Nested(ExcludedGoods)


class PendingSettings(Schema):
    """When an order's points become available."""

    policy = fields.Choice(*settings.PENDING_POLICIES)
    days = fields.Whole(0, LONGEST_DAYS)
    fallback_days_after_paid = fields.Whole(0, LONGEST_DAYS)


class ExpirySettings(Schema):
    """How long points last. A `day` that its month lacks is the month's last."""

    policy = fields.Choice(*settings.EXPIRY_POLICIES)
    months = fields.Whole(1, LONGEST_MONTHS)
    month = fields.Whole(1, 12)
    day = fields.Whole(1, 31)


class RedemptionSettings(Schema):
    """What a step of points is worth, and how much of an order points may pay."""

    points_per_step = fields.points(1)
    value_per_step = fields.minor(1)
    min_points = fields.points(0)
    max_share_percent = fields.Whole(0, 100)


class RefundSettings(Schema):
    """What happens to points when goods come back."""

    shortfall = fields.Choice(*settings.SHORTFALLS)
    take_other_lots = fields.Flag()
    restore_lapsed = fields.Choice(*settings.RESTORES)
    grace_days = fields.Whole(0, LONGEST_DAYS)


class CapSettings(Schema):
    """The most points that orders can earn; null is no limit."""

    per_order = fields.points(0, allow_none=True)
    per_member_day = fields.points(0, allow_none=True)
    per_member_month = fields.points(0, allow_none=True)


class AdjustmentLimit(Schema):
    """How many points a role may adjust without a second person."""

    per_act = fields.points(0)
    per_day = fields.points(0)


class KeyAdjustmentLimit(Schema):
    """How many points an API key may adjust without a second person; null is no limit."""

    per_act = fields.points(0, allow_none=True)
    per_day = fields.points(0, allow_none=True)


class AdjustmentSettings(Schema):
    """The limits by role."""

    clerk = fields.Nested(AdjustmentLimit)
    manager = fields.Nested(AdjustmentLimit)


_DAY_CAPS: dict[str, ma.fields.Field] = {
    name: fields.points(0, allow_none=True) for name in ACTIVITIES
}


class ReferralSettings(Schema):
    """Friends that count per referrer and local month (null: all of them), and whether referrals
    that look like one person's wait for somebody to look at them."""

    per_referrer_month = fields.Whole(0, 1_000_000, allow_none=True)
    review_flagged = fields.Flag()


class ActivitySettings(Schema):
    """What binds awards by rules: the most points per activity and local day, what a complete
    profile has, and referrals."""

    per_member_day = fields.Nested(Schema.from_dict(_DAY_CAPS, name="ActivityDayCaps"))
    profile_fields = fields.Items(fields.Choice(*settings.PROFILE_FIELDS), low=1)
    referral = fields.Nested(ReferralSettings)


class ProgrammeDocument(Schema):
    """The programme, whole when read; when written, what is left out stays as it is."""

    version = fields.Whole(1)
    effective_at = fields.Instant()
    currency = Currency(3, low=3, pattern="[A-Z]{3}")
    timezone = Zone(64)
    rounding = fields.Choice(*settings.ROUNDINGS)
    basis = fields.Nested(BasisSettings)
    pending = fields.Nested(PendingSettings)
    expiry = fields.Nested(ExpirySettings)
    redemption = fields.Nested(RedemptionSettings)
    refund = fields.Nested(RefundSettings)
    caps = fields.Nested(CapSettings)
    adjustment = fields.Nested(AdjustmentSettings)
    activities = fields.Nested(ActivitySettings)
    adjustment_by_keys = fields.Nested(KeyAdjustmentLimit)


class ProgrammeQuery(Schema):
    """Which programme: the one in force at `at`, by default now."""

    at = fields.Instant(load_default=None)


class ProgrammeVersionOut(ProgrammeDocument):
    """A version: whole, who wrote it and when, and what it is now."""

    state = fields.Choice(*STATES)
    created_by = fields.Text()
    created_at = fields.Instant()
