"""The shapes of a member's tier in the API."""

from crm.http import Schema, fields
from crm.members.tiers.schemas import METRICS, WindowDocument


class FloorIn(Schema):
    """A manual tier; `code` null takes it away, `until` left out or null gives it no end."""

    code = fields.code(32, required=True, allow_none=True)
    until = fields.Instant(allow_none=True)
    reason = fields.Text(500, required=True, multiline=True)


class TierName(Schema):
    """A tier, its name in the reader's language."""

    code = fields.code(32, required=True)
    name = fields.Text(60, required=True)


class HeldTierOut(TierName):
    """A tier held since an instant, until another (exclusive; null: no end)."""

    since = fields.Instant(required=True)
    valid_until = fields.Instant(required=True, allow_none=True)


class EarnedTierOut(HeldTierOut):
    """The tier earned; `grace_until` while its period has ended and a grace runs."""

    grace_until = fields.Instant(required=True, allow_none=True)


class TierFloorOut(TierName):
    """The floor that staff put under the member."""

    since = fields.Instant(required=True, allow_none=True)
    until = fields.Instant(required=True, allow_none=True)
    reason = fields.Text(500, required=True, allow_none=True)


class TierWindowOut(WindowDocument):
    """The window that is judged now; `from` null: from the beginning."""

    from_ = fields.Instant(required=True, allow_none=True, data_key="from")
    to = fields.Instant(required=True)


TierMetricsOut = Schema.from_dict(
    {name: fields.Whole(required=True) for name in METRICS}, name="TierMetricsOut"
)


class TierNeedOut(Schema):
    """One threshold; `missing` is 0 once it is reached."""

    metric = fields.Choice(*METRICS, required=True)
    at_least = fields.minor(required=True)
    value = fields.Whole(required=True)
    missing = fields.minor(required=True)


class TierGoalOut(TierName):
    """What a tier asks for: `any` or `all` of the conditions."""

    match = fields.Choice("any", "all", required=True)
    conditions = fields.Items(fields.Nested(TierNeedOut), required=True)
    met = fields.Flag(required=True)


class ExpectedTierOut(TierName):
    """The tier held after the running period, if nothing more happens."""

    at = fields.Instant(required=True)


class TierChangeOut(Schema):
    """One step of the history: the tiers held before and after, and why."""

    at = fields.Instant(required=True)
    from_tier = fields.code(32, required=True, allow_none=True, data_key="from")
    to_tier = fields.code(32, required=True, data_key="to")
    earned = fields.code(32, required=True)
    cause = fields.code(32, required=True)
    order_id = fields.Id(required=True, allow_none=True)


class MemberTierOut(Schema):
    """Where a member stands, and the way ahead."""

    tier = fields.Nested(HeldTierOut, required=True)
    earned = fields.Nested(EarnedTierOut, required=True)
    floor = fields.Nested(TierFloorOut, required=True, allow_none=True)
    window = fields.Nested(TierWindowOut, required=True)
    metrics = fields.Nested(TierMetricsOut, required=True)
    next = fields.Nested(TierGoalOut, required=True, allow_none=True)
    keep = fields.Nested(TierGoalOut, required=True, allow_none=True)
    expected = fields.Nested(ExpectedTierOut, required=True, allow_none=True)
    history = fields.Items(fields.Nested(TierChangeOut), required=True)
    ladder_version = fields.Whole(1, required=True)
