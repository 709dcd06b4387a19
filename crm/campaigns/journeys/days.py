"""On which days journeys come, as far as that is known beforehand: for a calendar."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from crm.campaigns.journeys import coming, moments, switching
from crm.campaigns.journeys.switching import Switched


def of_all(days: Sequence[date], now: datetime) -> Mapping[date, list[Switched]]:
    """Journeys that are on and come to all members at once (holidays, member days), by the shop's
    day; days without any are left out."""
    found: dict[date, list[Switched]] = {}
    zone = moments.used(now).shop
    for one in switching.enabled():
        if one.journey.for_all:
            timing = one.journey.timing(one.settings)
            for day in days:
                if one.journey.values(one.settings, [timing.of_day(zone, day)], now) is not None:
                    found.setdefault(day, []).append(one)
    return found


def of_each(now: datetime) -> Mapping[date, list[tuple[Switched, int]]]:
    """The other journeys that are on, with how many members they come to on each of the next seven
    days."""
    found: dict[date, list[tuple[Switched, int]]] = {}
    zones = moments.used(now)
    for one in switching.enabled():
        if not one.journey.for_all:
            for day, members in coming.ahead(one, zones, now).by_day.items():
                if members:
                    found.setdefault(day, []).append((one, members))
    return found
