"""When journeys have work next, and how much: for the moving sandbox, and for people."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crm.campaigns.journeys import due, moments, switching, window, withdrawing
from crm.campaigns.journeys.moments import Zones
from crm.campaigns.journeys.switching import Switched

WEEK = 7
# How far ahead somebody who is due is looked for: farther only where nobody was found so far.
REACHES = (moments.ONE_DAY, 8 * moments.ONE_DAY, 60 * moments.ONE_DAY)


@dataclass(frozen=True, slots=True)
class Ahead:
    """How many occasions come today, and on the seven days from today on: those that would be
    given as far as one statement knows, and those already given. `channels`: by which those still
    to come on these days would be told as things stand."""

    today: int
    next_7_days: int
    channels: Mapping[str, int]
    by_day: Mapping[date, int]


def next_at(now: datetime) -> datetime | None:
    """The next instant at which a tick has something to do, `now` if it has passed already. At the
    latest in two months; None while all journeys are off."""
    on = switching.enabled()
    if not on:
        return None
    if any(withdrawing.is_called_for(one.journey.code, now=now) for one in on):
        return now
    zones = moments.used(now)
    after, found = now, None
    for reach in REACHES:
        for one in on:
            found = _first_of(one, zones, now, after, found or now + reach) or found
            if found is not None and found <= now:
                return now
        if found is not None:
            return found
        after = now + reach
    return after


def called(now: datetime) -> list[str]:
    """The journeys that have something to do now. Of the others it is noted that all is done."""
    on, zones = switching.enabled(), moments.used(now)
    busy = {
        one.journey.code
        for one in on
        if withdrawing.is_called_for(one.journey.code, now=now)
        or _first_of(one, zones, now, now, now) is not None
    }
    idle = {one.journey.code: one.version for one in on if one.journey.code not in busy}
    window.note_done(idle, now)
    return [one.journey.code for one in on if one.journey.code in busy]


def _first_of(
    one: Switched, zones: Zones, now: datetime, after: datetime, until: datetime
) -> datetime | None:
    """The first occasion of a journey in (`after`, `until`] that nothing was done about; from `now`
    on, those too that have come by now."""
    assert one.since is not None
    journey, settings = one.journey, one.settings
    timing = journey.timing(settings)
    found = window.moments_of(journey, settings, zones, one.since, now) if after == now else []
    if timing.send_at is not None:
        found += moments.between(zones.names, timing, after, until)
    return due.first(journey, settings, found, zones, now=now)


def ahead(one: Switched, zones: Zones, now: datetime) -> Ahead:
    """The occasions of today and of the days after it, by the shop's day; each member's by his
    own clock."""
    today = moments.local_day(now, moments.zone_of(zones.shop))
    days = [today + timedelta(days=more) for more in range(WEEK)]
    timing = one.journey.timing(one.settings)
    found = list(moments.of_days(zones.names, timing, days))
    by_day: Counter[date] = Counter(dict.fromkeys(days, 0))
    channels: Counter[str] = Counter()
    for row in due.counts(one.journey, one.settings, found, zones, now=now):
        if row.state == "given" or (row.state is None and row.reason is None):
            by_day[row.day] += row.n
            if row.channel is not None:
                channels[row.channel] += row.n
    return Ahead(by_day[today], sum(by_day.values()), channels, by_day)
