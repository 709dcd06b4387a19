"""Answers to surveys and their figures, out; what is asked for, in."""

import marshmallow as ma

from crm.campaigns.surveys.figures import MOST_MONTHS
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.points.schemas import OrderRefIn


class SurveyQuery(PageQuery):
    """Only answers of a member, a store, a journey, a time (`until` exclusive); only bad ones; only
    those with words."""

    member = fields.Id(load_default=None)
    store = fields.code(40, load_default=None)
    journey = fields.code(64, load_default=None)
    rating_at_most = fields.Whole(1, 5, query=True, load_default=None)
    with_text = fields.Flag(load_default=False)
    since = fields.Instant(load_default=None)
    until = fields.Instant(load_default=None)


class SurveyAnswerOut(Schema):
    """An answer: 1 (very unhappy) to 5 (very happy), maybe words; the points that it earned, and
    the case that it opened."""

    id = fields.Id()
    member_id = fields.Id()
    journey = fields.Text(allow_none=True)
    order = fields.Nested(OrderRefIn, allow_none=True)
    store = fields.Text(allow_none=True)
    opened_at = fields.Instant()
    answered_at = fields.Instant()
    rating = fields.Whole(1, 5)
    text = fields.Text(2000, allow_none=True)
    granted = fields.points()
    case_id = fields.Id(allow_none=True)


SurveyAnswerPage = page_of(SurveyAnswerOut)


class SurveySummaryQuery(Schema):
    """The months from that of the day `from` to that of `to`, at most 36; without `to` up to now,
    without `from` twelve."""

    from_ = fields.Day(data_key="from", load_default=None)
    to = fields.Day(load_default=None)
    store = fields.code(40, load_default=None)
    journey = fields.code(64, load_default=None)


class SatisfactionOut(Schema):
    """`asked`: surveys whose message went out; `response_rate`: answered ÷ asked; `average` rating
    of the answers (null: none); `ratings`: how many answered 1, 2, 3, 4 and 5; `cases` opened."""

    asked = fields.Whole()
    answered = fields.Whole()
    response_rate = ma.fields.Float(allow_none=True)
    average = ma.fields.Float(allow_none=True)
    ratings = fields.Items(fields.Whole(), 5)
    cases = fields.Whole()


class MonthSatisfactionOut(SatisfactionOut):
    """The figures of a month (its first day), by when members were asked."""

    month = fields.Day()


class StoreSatisfactionOut(MonthSatisfactionOut):
    """Those of a store in a month; `store` null: orders of none."""

    store = fields.Text(allow_none=True)


class SurveySummaryOut(Schema):
    """Satisfaction by store and month, by month, and over the whole time."""

    from_ = fields.Day(data_key="from", attribute="from")
    to = fields.Day()
    data = fields.Items(fields.Nested(StoreSatisfactionOut), 100_000)
    months = fields.Items(fields.Nested(MonthSatisfactionOut), MOST_MONTHS)
    total = fields.Nested(SatisfactionOut)
