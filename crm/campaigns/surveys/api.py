"""What members answered, over HTTP. The page on which they answer is `page`."""

from typing import Any

from crm import clock
from crm.campaigns.surveys import figures, reading
from crm.campaigns.surveys.schemas import (
    SurveyAnswerPage,
    SurveyQuery,
    SurveySummaryOut,
    SurveySummaryQuery,
)
from crm.http import Blueprint, needs
from crm.points import programme

blp = Blueprint("surveys", __name__, description="How satisfied members are.")


@blp.get("/surveys")
@needs("surveys:read")
@blp.arguments(SurveyQuery, location="query")
@blp.response(200, SurveyAnswerPage)
def list_answers(query: dict[str, Any]):
    """Answers to surveys, the newest first."""
    return reading.answers(query)


@blp.get("/surveys/summary")
@needs("surveys:read")
@blp.arguments(SurveySummaryQuery, location="query")
@blp.response(200, SurveySummaryOut)
def summarise(query: dict[str, Any]):
    """Average rating and response rate, by store and month."""
    now = clock.now()
    zone = programme.current(now).zone
    first, last = figures.months(query["from_"], query["to"], now.astimezone(zone).date())
    return figures.summary(first, last, zone, store=query["store"], journey=query["journey"])
