"""When journeys have work next, and how much: for the moving sandbox, and for people."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crm.campaigns.journeys import due, moments, switching
from crm.campaigns.journeys.moments import Zones
from crm.campaigns.journeys.switching import Switched

WEEK = 7


@dataclass(frozen=True, slots=True)
class Ahead:
    """How many occasions come today, and on the seven days from today on: those that would be
    given as far as one statement knows, and those already given."""

    today: int
    next_7_days: int
    by_day: Mapping[date, int]


def next_at(now: datetime) -> datetime | None:
    """The next instant at which somebody is due, `now` if it has passed already; at the latest in a
    day, for much may happen until then. None while all are off."""
    on = switching.enabled()
    if not on:
        return None
    zones = moments.used(now)
    first = now + moments.ONE_DAY
    for one in on:
        found = _next_of(one, zones, now, first)
        first = first if found is None else min(first, found)
        if first <= now:
            return now
    return first


def _next_of(one: Switched, zones: Zones, now: datetime, until: datetime) -> datetime | None:
    """The first occasion of a journey up to `until` that nothing was done about."""
    assert one.since is not None
    journey, settings = one.journey, one.settings
    found = due.window(journey, settings, zones, one.since, now)
    timing = journey.timing(settings)
    if timing.send_at is not None:
        found += moments.between(zones.names, timing, now, until)
    return due.first(journey, settings, found, zones, now=now)


def ahead(one: Switched, zones: Zones, now: datetime) -> Ahead:
    """The occasions of today and of the days after it, by the shop's day; each member's by his
    own clock."""
    today = moments.local_day(now, moments.zone_of(zones.shop))
    days = [today + timedelta(days=more) for more in range(WEEK)]
    timing = one.journey.timing(one.settings)
    found = list(moments.of_days(zones.names, timing, days))
    by_day: Counter[date] = Counter(dict.fromkeys(days, 0))
    for row in due.counts(one.journey, one.settings, found, zones, now=now):
        if row.state == "given" or (row.state is None and row.reason is None):
            by_day[row.day] += row.n
    return Ahead(by_day[today], sum(by_day.values()), by_day)
