"""A rule in and out, validated whole: each kind takes its own fields, and only those."""

from collections.abc import Iterator
from typing import Any

import marshmallow as ma

from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import PageQuery
from crm.points import rule
from crm.points.programme_schemas import ExpirySettings
from crm.points.programme_settings import EXPIRY_POLICIES

MOST_ENTRIES = 1000
CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
FACTOR = r"(0|[1-9]\d{0,2})(\.\d{1,6})?"

OF_ACTIVITIES = ("requires_paid_order", "referee_points")
TAKES = {
    rule.RATE: ("points", "per_amount"),
    rule.MULTIPLIER: ("factor",),
    rule.PER_ORDER: ("points",),
    rule.PER_UNIT: ("points",),
    rule.ACTIVITY: ("activity", "points"),
}
SPECIAL = ("points", "per_amount", "factor", "activity", *OF_ACTIVITIES)
OF_ORDERS = ("skus", "categories", "labels", "stores", "channels", "min_basis", "first_order")
FOREIGN = "not_for_this_kind", N_("A rule of the kind {kind} does not take this.")


class LocalTime(Schema):
    """Hours of the member's local day, `from` inclusive, `to` exclusive; may pass midnight."""

    from_ = fields.Text(5, pattern=CLOCK, required=True, data_key="from", attribute="from")
    to = fields.Text(5, pattern=CLOCK, required=True)

    @ma.validates_schema
    def not_empty(self, data: dict[str, Any], **_: object) -> None:
        """A window has two ends."""
        if data["from"] == data["to"]:
            error = fields.wrong("empty_window", N_("The window ends when it begins."))
            raise ma.ValidationError({"to": error.messages})


class ConditionFields(Schema):
    """When a rule applies. Any entry of a list will do; all conditions must hold.

    `weekdays` are 1 (Monday) to 7 by the member's local time; a window over midnight belongs to the
    day that it began on. `min_basis` is what the whole order must reach, in minor units.
    """

    skus = fields.Items(fields.Text(100), MOST_ENTRIES)
    categories = fields.Items(fields.Text(100), MOST_ENTRIES)
    labels = fields.Items(fields.Text(60), MOST_ENTRIES)
    stores = fields.Items(fields.code(), MOST_ENTRIES)
    channels = fields.Items(fields.code(), MOST_ENTRIES)
    tiers = fields.Items(fields.code(), 20)
    segments = fields.Items(fields.code(), 100)
    weekdays = fields.Items(fields.Whole(1, 7), 7)
    local_time = fields.Nested(LocalTime, allow_none=True)
    min_basis = fields.minor()
    first_order = fields.Flag(allow_none=True)
    birthday_month = fields.Flag(allow_none=True)


class RuleCap(Schema):
    """The most points that this rule gives; null is no limit."""

    per_order = fields.points(0, load_default=None, allow_none=True)
    per_member_day = fields.points(0, load_default=None, allow_none=True)


class RuleExpiry(ExpirySettings):
    """How long the points of this rule last, whatever the programme says of the others'.

    Months of inactivity are those of the member: any activity of his carries these points on.
    """

    policy = fields.Choice(*EXPIRY_POLICIES, required=True)


class RuleFields(Schema):
    """What all rules have, and what each kind has beside it.

    rate: `points` per `per_amount` minor units · multiplier: `factor` · per_order, per_unit:
    `points` · activity: `activity`, `points`, maybe `requires_paid_order`; a referral's `points`
    are the referrer's, `referee_points` the friend's. Any may have an `expiry` of its own.
    """

    kind = fields.Choice(*rule.KINDS, required=True)
    points = fields.points(1)
    per_amount = fields.minor(1)
    factor = fields.Text(12, pattern=FACTOR)
    activity = fields.Choice(*rule.ACTIVITIES)
    requires_paid_order = fields.Flag()
    referee_points = fields.points(1)
    expiry = fields.Nested(RuleExpiry)
    name = fields.Text(200)
    priority = fields.Whole(-1_000_000, 1_000_000, load_default=0)
    exclusive_group = fields.code(load_default=None, allow_none=True)
    starts_at = fields.Instant(load_default=None, allow_none=True)
    ends_at = fields.Instant(load_default=None, allow_none=True)
    cap = fields.Nested(RuleCap, load_default=lambda: RuleCap().load({}))
    conditions = fields.Nested(ConditionFields, load_default=dict)


class RuleIn(RuleFields):
    """A rule to make, or the whole of a new version of one."""

    @ma.validates_schema
    def fits_its_kind(self, data: dict[str, Any], **_: object) -> None:
        """Every field that is missing or foreign to the kind is named."""
        missing = fields.wrong("required", fields.REQUIRED).messages
        foreign = fields.wrong(*FOREIGN, kind=data["kind"]).messages
        errors: dict[str, Any] = {name: missing for name in TAKES[data["kind"]] if name not in data}
        errors |= dict.fromkeys(_foreign(data), foreign)
        if data["kind"] == rule.ACTIVITY:
            errors |= _of_orders_only(data, foreign)
        if data["starts_at"] and data["ends_at"] and data["ends_at"] <= data["starts_at"]:
            error = fields.wrong("ends_before_start", N_("The rule ends before it starts."))
            errors["ends_at"] = error.messages
        if errors:
            raise ma.ValidationError(errors)


class RuleChange(RuleIn):
    """The whole of a new version; `version`, if given, must be the newest one."""

    version = fields.Whole(1)


def _foreign(data: dict[str, Any]) -> Iterator[str]:
    for name in SPECIAL:
        own = name in TAKES[data["kind"]] or (
            name in OF_ACTIVITIES and data["kind"] == rule.ACTIVITY
        )
        if name in data and not (own and _fits_activity(name, data)):
            yield name


def _fits_activity(name: str, data: dict[str, Any]) -> bool:
    """Only a referral has a friend; and it waits for the friend's order, not for another."""
    if name == "referee_points":
        return data.get("activity") == "referral"
    return name != "requires_paid_order" or data.get("activity") != "referral"


def _of_orders_only(data: dict[str, Any], foreign: Any) -> dict[str, Any]:
    """An act has no goods, no basis, no order: conditions and caps on them make no sense."""
    errors: dict[str, Any] = {}
    asked = {name: data["conditions"].get(name) for name in OF_ORDERS}
    given = [name for name, value in asked.items() if value or value is False]
    if given:
        errors["conditions"] = dict.fromkeys(given, foreign)
    if data["cap"]["per_order"] is not None:
        errors["cap"] = {"per_order": foreign}
    return errors


class RuleOut(RuleFields):
    """A version of a rule: it counts for orders placed from `valid_from` until `ended_at`."""

    id = fields.Id(required=True)
    version = fields.Whole(1, required=True)
    name = fields.Text(200, required=True)
    valid_from = fields.Instant(required=True)
    ended_at = fields.Instant(required=True, allow_none=True)


class RuleVersionOut(RuleOut):
    """One version of a rule, with who wrote it and when."""

    created_by = fields.Text()
    created_at = fields.Instant()


class RulesQuery(PageQuery):
    """A page of rules; those that were ended only if asked for."""

    include_ended = fields.Flag(load_default=False)
