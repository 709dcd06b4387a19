"""Journeys over HTTP: read, switched on and off, tried out, and what came of them."""

from dataclasses import asdict
from typing import Any

from crm import clock
from crm.campaigns.journeys import coming, dry_runs, moments, results, switching
from crm.campaigns.journeys.dry_runs import DryRun
from crm.campaigns.journeys.moments import Zones
from crm.campaigns.journeys.results import Results
from crm.campaigns.journeys.schemas import (
    DryRunIn,
    DryRunOut,
    JourneyOut,
    JourneyPatch,
    JourneysOut,
    OccasionPage,
    OccasionsQuery,
    ResultsByDayOut,
    ResultsQuery,
)
from crm.campaigns.journeys.switching import Switched
from crm.db import transaction
from crm.http import Blueprint, needs

blp = Blueprint("journeys", __name__, description="What runs by itself: birthdays, follow-ups, …")
LAST_DAYS = 30


@blp.get("/journeys")
@needs("journeys:read")
@blp.response(200, JourneysOut)
def list_journeys():
    """All journeys, with what is due and what came of them."""
    now = clock.now()
    zones = moments.used(now)
    return {"data": [_shown(one, zones) for one in switching.listed()]}


@blp.get("/journeys/<code>")
@needs("journeys:read")
@blp.response(200, JourneyOut)
def read_journey(code: str):
    """One journey: how it is set, what is due today and within seven days, its last results."""
    return _shown(switching.get(code), moments.used(clock.now()))


@blp.patch("/journeys/<code>")
@needs("journeys:write")
@blp.arguments(JourneyPatch)
@blp.response(200, JourneyOut)
def change_journey(body: dict[str, Any], code: str):
    """Switch it on or off, change what is set; what is not named stays. It counts at once.

    Switched on without a template it gets the default one. Occasions of days before it was
    switched on do not come; those of the day itself do, though their hour may have passed.
    """
    with transaction():
        switching.change(code, body, now=clock.now())
    return _shown(switching.get(code), moments.used(clock.now()))


@blp.post("/journeys/<code>/dry-run")
@needs("journeys:read")
@blp.arguments(DryRunIn)
@blp.response(200, DryRunOut)
def try_journey(body: dict[str, Any], code: str):
    """Who would get what on a day, and why others would not. Writes nothing, sends nothing."""
    found = dry_runs.run(switching.get(code), body["date"], now=clock.now())
    return _dry_run(found)


@blp.get("/journeys/<code>/results")
@needs("journeys:read")
@blp.arguments(ResultsQuery, location="query")
@blp.response(200, ResultsByDayOut)
def read_results(query: dict[str, Any], code: str):
    """What came of the last days, with each of them."""
    found = results.of(switching.get(code), query["days"], now=clock.now())
    days = [{"day": day, "given": given} for day, given in found.by_day]
    return _results(found) | {"by_day": days}


@blp.get("/journeys/<code>/occasions")
@needs("journeys:read")
@blp.arguments(OccasionsQuery, location="query")
@blp.response(200, OccasionPage)
def list_occasions(query: dict[str, Any], code: str):
    """The occasions that have come, the newest first: who got what, who was skipped and why."""
    return results.occasions(
        code, state=query["state"], reason=query["reason"], limit=query["limit"],
        cursor=query["cursor"],
    )  # fmt: skip


def _shown(one: Switched, zones: Zones) -> dict[str, Any]:
    now = clock.now()
    ahead = coming.ahead(one, zones, now)
    return one.document() | {
        "due": {
            "today": ahead.today,
            "next_7_days": ahead.next_7_days,
            "channels": dict(ahead.channels),
        },
        "last_results": _results(results.of(one, LAST_DAYS, now=now)),
    }


def _results(found: Results) -> dict[str, Any]:
    said = asdict(found)
    return said | {"revenue": {"amount": found.revenue, "currency": found.currency}}


def _dry_run(found: DryRun) -> dict[str, Any]:
    coupons = [{"template": one, "count": n} for one, n in found.coupons.most_common()]
    return {
        "day": found.day, "due": found.due, "would_give": found.would_give,
        "channels": dict(found.channels.most_common()),
        "skipped": dict(found.skipped.most_common()), "points": found.points, "coupons": coupons,
        "sample": found.sample,
    }  # fmt: skip
