"""What can be set on each journey, with its defaults. Kept as JSON, used as loaded here."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

import marshmallow as ma

from crm.campaigns.surveys import opening
from crm.errors import N_
from crm.http import Schema, fields

NO_TIME = N_("This must be a time of the day such as 09:00.")
INSTANT = timedelta(microseconds=1)  # the smallest step of time that the database keeps


class Hour(fields.Text):
    """A time of the day, 09:00; a `time` inside."""

    default_error_messages = {"not_a_time": NO_TIME}  # noqa: RUF012  # marshmallow's own way

    def _deserialize(self, value: object, attr: Any, data: Any, **kwargs: Any) -> Any:
        found = super()._deserialize(value, attr, data, **kwargs)
        try:
            return time.fromisoformat(found) if len(found) == 5 else self._no()
        except ValueError:
            self._no()

    def _no(self) -> None:
        raise self.make_error("not_a_time")

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return f"{value:%H:%M}" if isinstance(value, time) else value


class Common(Schema):
    """What every journey has. `send_at` is by the member's own clock; who can't be reached by
    `template` is told by `fallback_template`, which is of another channel. An occasion that nothing
    was done about within `lateness_days` days after its day expires; what members spend within
    `attribution_days` days counts as its result."""

    send_at = Hour(5, load_default=time(9))
    template = fields.Id(allow_none=True, load_default=None)
    fallback_template = fields.Id(allow_none=True, load_default=None)
    points = fields.points(load_default=0)
    coupon_template = fields.Id(allow_none=True, load_default=None)
    lateness_days = fields.Whole(0, 31, load_default=3)
    attribution_days = fields.Whole(1, 90, load_default=14)


class Welcome(Common):
    """`days_after` 0: at once; else so many days after joining, at `send_at`."""

    days_after = fields.Whole(0, 30, load_default=0)


class Birthday(Common):
    """`when`: on the day, `days_before` days before it, or on the first day of its month.

    `leap_day`: when who was born on 29 February celebrates in other years. `by_tier`: a tier that
    brings birthday points or a birthday coupon takes the place of what is set here.
    """

    when = fields.Choice("day", "days_before", "month", load_default="day")
    days_before = fields.Whole(1, 60, load_default=7)
    leap_day = fields.Choice("feb28", "mar1", load_default="feb28")
    by_tier = fields.Flag(load_default=True)
    lateness_days = fields.Whole(0, 31, load_default=0)


class AfterSale(Common):
    """So many days after delivery; a member is asked again only after `cooldown_days` days.

    `points` are for the answer; None: what the rules for the activity `survey` give. A rating of
    `low_rating` or less opens a case (0: never), due in `case_days` days (0: as the policy of cases
    says). The link is good for `survey_days` days.
    """

    days_after_delivery = fields.Whole(0, 90, load_default=7)
    cooldown_days = fields.Whole(0, 365, load_default=14)
    points = fields.points(allow_none=True, load_default=None)
    low_rating = fields.Whole(0, 5, load_default=opening.LOW_AT_MOST)
    case_days = fields.Whole(0, 90, load_default=opening.CASE_DAYS)
    survey_days = fields.Whole(1, 365, load_default=opening.VALID_DAYS)


class Repurchase(Common):
    """On the first day of the member's usual window for a category.

    `skip_above`: who buys anyway with at least this chance, in percent, gets none.
    """

    skip_above = fields.Whole(1, 100, load_default=60)
    cooldown_days = fields.Whole(0, 365, load_default=30)


class WinBack(Common):
    """So many days after the last purchase."""

    days = fields.Whole(7, 1095, load_default=90)


class PointsExpiring(Common):
    """So many days before the last day of points; less than `min_points` are not mentioned."""

    days_before = fields.Whole(1, 90, load_default=7)
    min_points = fields.points(1, load_default=1)


class TierUp(Common):
    """At once when a member rises."""


class TierAtRisk(Common):
    """So many days before the last day of a tier that would not be kept."""

    days_before = fields.Whole(1, 180, load_default=30)


class HolidayIn(Schema):
    """A holiday of every year: month and day of the solar or the lunar calendar."""

    code = fields.code(40, required=True)
    name = fields.Mapping(fields.Choice("en", "zh-Hans", "zh-Hant"), fields.Text(60), required=True)
    calendar = fields.Choice("solar", "lunar", load_default="solar")
    month = fields.Whole(1, 12, required=True)
    day = fields.Whole(1, 31, required=True)


HOLIDAYS = [
    {
        "code": "new_year", "calendar": "solar", "month": 1, "day": 1,
        "name": {"en": "New Year", "zh-Hans": "元旦", "zh-Hant": "元旦"},
    },
    {
        "code": "spring_festival", "calendar": "lunar", "month": 1, "day": 1,
        "name": {"en": "Lunar New Year", "zh-Hans": "春节", "zh-Hant": "春節"},
    },
    {
        "code": "mid_autumn", "calendar": "lunar", "month": 8, "day": 15,
        "name": {"en": "Mid-Autumn Festival", "zh-Hans": "中秋节", "zh-Hant": "中秋節"},
    },
]  # fmt: skip


class Holiday(Common):
    """A greeting on each of these days."""

    holidays = fields.Items(fields.Nested(HolidayIn), 30, load_default=lambda: list(HOLIDAYS))


class MemberDay(Common):
    """On these days of every month; 31 is the last day of a shorter one."""

    days_of_month = fields.Items(fields.Whole(1, 31), 31, low=1, load_default=lambda: [8])


def loaded(schema: type[Schema], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as rules use them; what is younger than the version kept has its default.

    Raises marshmallow's `ValidationError`.
    """
    known = schema().fields
    found = schema().load({name: value for name, value in kept.items() if name in known})
    assert isinstance(found, dict)
    return found


def document(schema: type[Schema], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON, every one of them."""
    found = schema().dump(settings)
    assert isinstance(found, dict)
    return found


def defaults(schema: type[Schema]) -> dict[str, Any]:
    """What is set on a journey that nobody has touched."""
    return loaded(schema, {})


ValidationError = ma.ValidationError
