"""The shapes of journeys in the API."""

from crm.campaigns.journeys.models import STATES
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of

MOST_DAYS = 200


class AheadOut(Schema):
    """How many members it will give something, as far as can be said now: today, and within the
    seven days that begin with today. `channels`: how many of those still to come would be told by
    which channel; members who can be reached by none are in no channel."""

    today = fields.Whole()
    next_7_days = fields.Whole()
    channels = fields.Mapping(values=fields.Whole())


class RevenueOut(Schema):
    """Minor units of a currency."""

    amount = fields.Whole()
    currency = fields.Text()


class ResultsOut(Schema):
    """Occasions of a span of local days: given + skipped + expired; `reasons` says why not.

    `sent` holds those delivered, and `channels` says by which channel. `orders` and `revenue` are
    what members bought within `attribution_days` days after they were given something; not all of
    it was because of that.
    """

    since = fields.Day(attribute="first")
    until = fields.Day(attribute="last")
    given = fields.Whole()
    skipped = fields.Whole()
    expired = fields.Whole()
    reasons = fields.Mapping(values=fields.Whole())
    points = fields.Whole()
    coupons = fields.Whole()
    redeemed = fields.Whole()
    sent = fields.Whole()
    channels = fields.Mapping(values=fields.Whole())
    delivered = fields.Whole()
    opened = fields.Whole()
    clicked = fields.Whole()
    orders = fields.Whole()
    buyers = fields.Whole()
    revenue = fields.Nested(RevenueOut)
    attribution_days = fields.Whole()


class DayCount(Schema):
    """A local day, and to how many members something was given."""

    day = fields.Day()
    given = fields.Whole()


class ResultsByDayOut(ResultsOut):
    """With its days."""

    by_day = fields.Items(fields.Nested(DayCount), MOST_DAYS + 2)


class JourneyOut(Schema):
    """A journey: how it is set, what is due, what came of the last thirty days."""

    code = fields.Text()
    enabled = fields.Flag()
    enabled_at = fields.Instant(allow_none=True)
    version = fields.Whole()
    settings = fields.Mapping()
    due = fields.Nested(AheadOut)
    last_results = fields.Nested(ResultsOut)


class JourneysOut(Schema):
    """All journeys."""

    data = fields.Items(fields.Nested(JourneyOut))


class JourneyPatch(Schema):
    """What shall be changed; `settings` names what is to be set, the rest stays. `version`, if
    given, is the one that the change was made from."""

    enabled = fields.Flag()
    settings = fields.Mapping()
    version = fields.Whole()


class DryRunIn(Schema):
    """For which day, by each member's own clock."""

    date = fields.Day(required=True)


class DryRunCoupons(Schema):
    """Coupons of one template."""

    template = fields.Id()
    count = fields.Whole()


class DryRunOut(Schema):
    """due = would_give + all that `skipped` counts, by reason; `already_given` and the like were
    handled before. `channels`: how many of those who would get something would be told by which.
    `sample` names some of them."""

    date = fields.Day(attribute="day")
    due = fields.Whole()
    would_give = fields.Whole()
    channels = fields.Mapping(values=fields.Whole())
    skipped = fields.Mapping(values=fields.Whole())
    points = fields.Whole()
    coupons = fields.Items(fields.Nested(DryRunCoupons))
    sample = fields.Items(fields.Id())


class ResultsQuery(Schema):
    """Of how many days, today included."""

    days = fields.Whole(1, MOST_DAYS, query=True, load_default=30)


class OccasionsQuery(PageQuery):
    """Which occasions."""

    state = fields.Choice(*STATES, load_default=None)
    reason = fields.code(load_default=None)


class OccasionOut(Schema):
    """One occasion of one member; `reason` says why nothing was given. `told` by a message of
    `channel`, unless something kept it from going."""

    id = fields.Id()
    member_id = fields.Id()
    occasion = fields.Text(allow_none=True)
    day = fields.Day()
    at = fields.Instant()
    state = fields.Choice(*STATES)
    reason = fields.Text(allow_none=True)
    points = fields.Whole()
    coupon_code = fields.Text(allow_none=True)
    told = fields.Flag()
    channel = fields.Text(allow_none=True)


OccasionPage = page_of(OccasionOut)
