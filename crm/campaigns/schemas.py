"""Campaigns in and out."""

import re
from typing import Any, ClassVar

import marshmallow as ma

from crm.auth.approval_schemas import ApprovalOut
from crm.campaigns.models import MODES, MOST_ARMS, STATES
from crm.campaigns.schedule import IF_PAST
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.fields import MINOR_LIMIT
from crm.http.pagination import PageQuery, page_of

MOST_EXCLUSIONS = 20
MOST_DAYS = 90
ONE_WAY = N_("Say one of: now, at, or local_time with on.")


class LocalTime(fields.Text):
    """A time of day, 09:30."""

    default_error_messages: ClassVar = {
        "invalid_time": N_("This must be a time of day such as 09:30.")
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(5, **kwargs)

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        found = super()._deserialize(value, attr, data, **kwargs)
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", found, re.ASCII):
            raise self.make_error("invalid_time")
        return found


class CampaignScheduleFields(Schema):
    """`now`; or `at` an instant; or at a `local_time` by each member's own clock, `on` a day.

    `if_past`: where that time has passed at the launch, such members get it now (default), at the
    same time tomorrow, or not at all (skip).
    """

    now = fields.Flag()
    at = fields.Instant()
    local_time = LocalTime()
    on = fields.Day()
    if_past = fields.Choice(*IF_PAST)

    @ma.validates_schema
    def _one_way(self, data: dict[str, Any], **_: Any) -> None:
        local = {"local_time", "on"} & data.keys()
        ways = [data.get("now") is True, "at" in data, bool(local)]
        late = "if_past" in data and not local
        if sum(ways) != 1 or len(local) == 1 or late or data.get("now") is False:
            raise fields.wrong("one_way", ONE_WAY)


def kept(schedule: dict[str, Any]) -> dict[str, Any]:
    """A schedule as it is kept: JSON."""
    if "at" in schedule:
        return {"at": fields.instant_text(schedule["at"])}
    if "local_time" in schedule:
        return {
            "local_time": schedule["local_time"],
            "on": schedule["on"].isoformat(),
            "if_past": schedule.get("if_past", "now"),
        }
    return {"now": True}


class CampaignArmFields(Schema):
    """One offer: what is said, a coupon of its own for each member, points, and its weight beside
    the other arms'."""

    template = fields.Id(required=True)
    coupon_template = fields.Id(load_default=None, allow_none=True)
    points = fields.Whole(0, 1_000_000, load_default=0)
    weight = fields.Whole(1, 1000, load_default=1)


class CampaignPatch(Schema):
    """What can be changed of a draft. `exclude` names audiences whose members get nothing;
    `budget` in minor units bounds messages, coupons at their most and points together.
    `revision`, if given, is the one that the change was made from."""

    name = fields.Text(200)
    audience = fields.Id(allow_none=True)
    exclude = fields.Items(fields.Id(), MOST_EXCLUSIONS)  # type: ignore[assignment]  # a field
    arms = fields.Items(fields.Nested(CampaignArmFields), MOST_ARMS)
    holdout_percent = fields.Whole(0, 90)
    schedule = fields.Nested(CampaignScheduleFields)
    mode = fields.Choice(*MODES)
    budget = fields.Whole(0, MINOR_LIMIT, allow_none=True)
    attribution_days = fields.Whole(1, MOST_DAYS)
    revision = fields.Whole(1)


class CampaignIn(CampaignPatch):
    """A new draft. Audience and arms may come later; holdout and attribution window are the
    policy's if not given, it goes at once, and to the members of the moment of the launch."""

    name = fields.Text(200, required=True)

    class Meta:
        exclude = ("revision",)


def body_of(body: dict[str, Any]) -> dict[str, Any]:
    """A body as rules take it: its schedule as it is kept."""
    return body | ({"schedule": kept(body["schedule"])} if "schedule" in body else {})


class CampaignQuery(PageQuery):
    """Which campaigns."""

    state = fields.Choice(*STATES, load_default=None)


class LaunchIn(Schema):
    """`confirm`: the number of messages that it will be; it is refused when it would be another.
    `revision`: the draft that was looked at. The body may be left out."""

    body_optional = True

    confirm = fields.Whole(0, fields.POINTS_LIMIT, load_default=None, allow_none=True)
    revision = fields.Whole(1, load_default=None, allow_none=True)
    reason = fields.Text(500, load_default=None, allow_none=True)


class NothingIn(Schema):
    """No body is needed."""

    body_optional = True


class CancelIn(Schema):
    """Why, if there is something to say. The body may be left out."""

    body_optional = True

    reason = fields.Text(500, load_default=None, allow_none=True)


class CampaignCountersOut(Schema):
    """planned = sent + failed + suppressed + holdout + cancelled + pending, at every instant.
    `sent` holds those delivered, `failed` those whose fate is unknown; `reasons` parts those
    suppressed."""

    planned = fields.Whole()
    sent = fields.Whole()
    delivered = fields.Whole()
    failed = fields.Whole()
    unknown = fields.Whole()  # type: ignore[assignment]  # a field
    suppressed = fields.Whole()
    holdout = fields.Whole()
    cancelled = fields.Whole()
    pending = fields.Whole()
    reasons = fields.Mapping(fields.Text(), fields.Whole())


class CampaignArmOut(CampaignArmFields):
    """An arm; its template's version is kept from the launch on."""

    no = fields.Whole(1, MOST_ARMS)
    template_version = fields.Whole(allow_none=True)


class CampaignOut(Schema):
    """A campaign. `progress`: the share of its members whose fate is decided.

    `approval`: the request that a second person has not decided yet.
    """

    id = fields.Id()
    name = fields.Text()
    state = fields.Choice(*STATES)
    revision = fields.Whole()
    audience = fields.Id(allow_none=True)
    exclude = fields.Items(fields.Id())  # type: ignore[assignment]  # a field
    arms = fields.Items(fields.Nested(CampaignArmOut))
    holdout_percent = fields.Whole()
    schedule = fields.Mapping()
    mode = fields.Choice(*MODES)
    budget = fields.minor(allow_none=True)
    spent = fields.minor()
    attribution_days = fields.Whole()
    created_at = fields.Instant()
    created_by = fields.Text()
    changed_at = fields.Instant()
    launched_at = fields.Instant(allow_none=True)
    launched_by = fields.Text(allow_none=True)
    starts_at = fields.Instant(allow_none=True)
    ends_at = fields.Instant(allow_none=True)
    finished_at = fields.Instant(allow_none=True)
    counters = fields.Nested(CampaignCountersOut)
    progress = ma.fields.Float()
    approval = fields.Id(allow_none=True)


CampaignPage = page_of(CampaignOut)


class AwaitingLaunchOut(Schema):
    """Nothing is sent yet: this request waits for a second person."""

    approval = fields.Nested(ApprovalOut)
