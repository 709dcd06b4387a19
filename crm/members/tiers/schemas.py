"""The shape of the ladder in the API, and everything that a ladder may not be."""

import json
from fractions import Fraction
from typing import Any, ClassVar

import marshmallow as ma

from crm.errors import N_
from crm.http import Schema, fields
from crm.http.fields import Said
from crm.versions import STATES

METRICS = ("spend", "orders", "points_earned")
DOWNGRADES = ("one_step", "straight", "never")
MOST_TIERS = 20
MOST_CONDITIONS = 10
LARGEST_BENEFITS = 4_000  # characters of JSON

Names = Schema.from_dict(
    {
        "en": fields.Text(60, required=True),
        "zh-Hans": fields.Text(60),
        "zh-Hant": fields.Text(60),
    },
    name="TierNames",
)


class Multiplier(fields.Text):
    """A decimal as text, 0 to 100 with at most four decimals."""

    default_error_messages: ClassVar = {
        "out_of_range": N_("This must be between {low} and {high}."),
    }

    def __init__(self, **kwargs):
        super().__init__(8, pattern=r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,4})?", **kwargs)

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        found = super()._deserialize(value, attr, data, **kwargs)
        if Fraction(found) > 100:
            raise self.make_error("out_of_range", low=0, high=100)
        return found


class ConditionDocument(Schema):
    """One threshold: spend in minor units (net of refunds), counted orders, or points earned."""

    metric = fields.Choice(*METRICS, required=True)
    at_least = fields.minor(required=True)


class ConditionsDocument(Schema):
    """Thresholds: `any` or `all` of them."""

    any = fields.Items(fields.Nested(ConditionDocument), MOST_CONDITIONS)
    all = fields.Items(fields.Nested(ConditionDocument), MOST_CONDITIONS)

    @ma.validates_schema
    def one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly one of the two lists."""
        if len(data) != 1:
            raise fields.wrong("any_or_all", N_("Give either any or all, with a list."))


class BenefitsDocument(Schema):
    """What a tier brings beside its multiplier. Further keys are kept as they are."""

    class Meta:
        unknown = ma.INCLUDE

    birthday_coupon = fields.Text(64)
    birthday_points = fields.points()
    monthly_coupons = fields.Items(fields.Text(64), 20)
    discount_percent = fields.Whole(0, 100)
    free_shipping = fields.Flag()
    early_access = fields.Flag()
    dedicated_service = fields.Flag()
    custom = fields.Nested(Names)

    @ma.post_dump(pass_original=True)
    def with_further_keys(
        self, data: dict[str, Any], original: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        """What was kept as it is comes back as it was."""
        return original | data

    @ma.validates_schema
    def small(self, data: dict[str, Any], **_: Any) -> None:
        """Benefits are a list of promises, not a store of documents."""
        if len(json.dumps(data, ensure_ascii=False)) > LARGEST_BENEFITS:
            raise fields.wrong(
                "too_large",
                N_("The benefits of a tier take at most {high} characters."),
                high=LARGEST_BENEFITS,
            )


class TierDocument(Schema):
    """One tier: what it asks for, what keeps it (null: the same), what it brings."""

    code = fields.code(32, required=True)
    name = fields.Nested(Names, required=True)
    qualify = fields.Nested(ConditionsDocument, required=True)
    keep = fields.Nested(ConditionsDocument, allow_none=True, load_default=None)
    multiplier = Multiplier(load_default="1")
    benefits = fields.Nested(BenefitsDocument, load_default=dict)


class WindowDocument(Schema):
    """The span that metrics are taken over; `months` is for rolling_months."""

    kind = fields.Choice(
        "rolling_months", "calendar_year", "membership_year", "lifetime", required=True
    )
    months = fields.Whole(1, 120, load_default=12)


class LadderDocument(Schema):
    """The ladder, lowest tier first."""

    tiers = fields.Items(fields.Nested(TierDocument), MOST_TIERS, low=1, required=True)
    window = fields.Nested(
        WindowDocument, load_default=lambda: {"kind": "rolling_months", "months": 12}
    )
    validity_months = fields.Whole(1, 120, load_default=12)
    downgrade = fields.Choice(*DOWNGRADES, load_default="one_step")
    grace_days = fields.Whole(0, 366, load_default=0)
    refund_fallback = fields.Flag(load_default=True)

    @ma.validates_schema
    def consistent(self, data: dict[str, Any], **_: Any) -> None:
        """Codes differ; the lowest tier is open to everybody; every other asks for something."""
        wrong: dict[int, dict[str, list[Said]]] = {}
        seen: set[str] = set()
        for place, tier in enumerate(data["tiers"]):
            found = _mistakes(place, tier, seen)
            if found:
                wrong[place] = found
        if wrong:
            raise ma.ValidationError({"tiers": wrong})  # type: ignore[dict-item]  # as `wrong` does


def _mistakes(place: int, tier: dict[str, Any], seen: set[str]) -> dict[str, list[Said]]:
    found = {}
    if tier["code"] in seen:
        found["code"] = [Said("duplicate_code", N_("Another tier has this code."))]
    seen.add(tier["code"])
    for name in ("qualify", "keep"):
        asked = [one["at_least"] for items in (tier[name] or {}).values() for one in items]
        if place == 0 and any(asked):
            text = N_("The lowest tier is open to everybody: leave its conditions empty.")
            found[name] = [Said("lowest_not_open", text)]
        if place and tier[name] and not asked:
            text = N_("Only the lowest tier has no conditions.")
            found[name] = [Said("no_conditions", text)]
    return found


class LadderIn(Schema):
    """The ladder, whole when read; when written, what is left out stays as it is."""

    version = fields.Whole(1)
    effective_at = fields.Instant()
    tiers = fields.Items(fields.Nested(TierDocument), MOST_TIERS, low=1)
    window = fields.Nested(WindowDocument)
    validity_months = fields.Whole(1, 120)
    downgrade = fields.Choice(*DOWNGRADES)
    grace_days = fields.Whole(0, 366)
    refund_fallback = fields.Flag()


class LadderQuery(Schema):
    """Which ladder: the one in force at `at`, by default now."""

    at = fields.Instant(load_default=None)


class LadderVersionOut(LadderIn):
    """A version: whole, who wrote it and when, and what it is now."""

    state = fields.Choice(*STATES)
    created_by = fields.Text()
    created_at = fields.Instant()
