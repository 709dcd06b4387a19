"""When birthdays are, found the obvious way: by looking at every day and every quarter of an hour.

Lunar days come from a list of new moons that another program's astronomy gave (lunar_python 1.4.8),
not from the table that the program goes by.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

# The first day of each month of the Chinese calendar, and its number; negative: a leap month.
MONTHS = """
    2023-11-13:10 2023-12-13:11 2024-01-11:12 2024-02-10:1
    2024-03-10:2 2024-04-09:3 2024-05-08:4 2024-06-06:5
    2024-07-06:6 2024-08-04:7 2024-09-03:8 2024-10-03:9
    2024-11-01:10 2024-12-01:11 2024-12-31:12 2025-01-29:1
    2025-02-28:2 2025-03-29:3 2025-04-28:4 2025-05-27:5
    2025-06-25:6 2025-07-25:-6 2025-08-23:7 2025-09-22:8
    2025-10-21:9 2025-11-20:10 2025-12-20:11 2026-01-19:12
    2026-02-17:1 2026-03-19:2 2026-04-17:3 2026-05-17:4
    2026-06-15:5 2026-07-14:6 2026-08-13:7 2026-09-11:8
    2026-10-10:9 2026-11-09:10 2026-12-09:11 2027-01-08:12
    2027-02-06:1 2027-03-08:2 2027-04-07:3 2027-05-06:4
    2027-06-05:5 2027-07-04:6 2027-08-02:7 2027-09-01:8
    2027-09-30:9 2027-10-29:10 2027-11-28:11 2027-12-28:12
    2028-01-26:1 2028-02-25:2 2028-03-26:3 2028-04-25:4
    2028-05-24:5 2028-06-23:-5 2028-07-22:6 2028-08-20:7
    2028-09-19:8 2028-10-18:9 2028-11-16:10 2028-12-16:11
    2029-01-15:12 2029-02-13:1 2029-03-15:2 2029-04-14:3
    2029-05-13:4 2029-06-12:5 2029-07-11:6 2029-08-10:7
    2029-09-08:8 2029-10-08:9 2029-11-06:10 2029-12-05:11
    2030-01-04:12 2030-02-03:1 2030-03-04:2 2030-04-03:3
    2030-05-02:4 2030-06-01:5 2030-07-01:6 2030-07-30:7
    2030-08-29:8 2030-09-27:9 2030-10-27:10 2030-11-25:11
    2030-12-25:12 2031-01-23:1 2031-02-21:2 2031-03-23:3
    2031-04-22:-3 2031-05-21:4 2031-06-20:5 2031-07-19:6
    2031-08-18:7 2031-09-17:8 2031-10-16:9 2031-11-15:10
    2031-12-14:11 2032-01-13:12 2032-02-11:1 2032-03-12:2
    2032-04-10:3 2032-05-09:4 2032-06-08:5 2032-07-07:6
    2032-08-06:7 2032-09-05:8 2032-10-04:9 2032-11-03:10
    2032-12-03:11 2033-01-01:12 2033-01-31:1 2033-03-01:2
    2033-03-31:3 2033-04-29:4 2033-05-28:5 2033-06-27:6
    2033-07-26:7 2033-08-25:8 2033-09-23:9 2033-10-23:10
    2033-11-22:11 2033-12-22:-11 2034-01-20:12 2034-02-19:1
    2034-03-20:2 2034-04-19:3 2034-05-18:4 2034-06-16:5
    2034-07-16:6 2034-08-14:7 2034-09-13:8 2034-10-12:9
    2034-11-11:10 2034-12-11:11 2035-01-09:12 2035-02-08:1
    2035-03-10:2
"""
DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)


class Occasion(NamedTuple):
    """A local day, the year it counts for, its instant, and from when on it is too late."""

    day: date
    year: int
    at: datetime
    late: datetime


@cache
def new_moons() -> list[tuple[date, int, int]]:
    """First day, year and number of each month of the list."""
    found, year = [], 2023
    for one in MONTHS.split():
        first, _, number = one.partition(":")
        year += number == "1"
        found.append((date.fromisoformat(first), year, int(number)))
    return found


@cache
def lunar_of(day: date) -> tuple[int, int, int]:
    """Year, month (negative: a leap month) and day of the Chinese calendar."""
    first, year, month = [one for one in new_moons() if one[0] <= day][-1]
    return year, month, (day - first).days + 1


def birthdays(
    calendar: str, born: tuple[int, int], first: date, last: date, leap_day: str = "feb28"
) -> Iterator[tuple[date, int]]:
    """The birthdays of [first, last]: the day, and the year of its calendar."""
    (month, day), today = born, first
    while today <= last:
        if calendar == "solar" and is_solar_birthday(today, month, day, leap_day):
            yield today, today.year
        if calendar == "lunar" and is_lunar_birthday(today, month, day):
            yield today, lunar_of(today)[0]
        today += DAY


def is_solar_birthday(today: date, month: int, day: int, leap_day: str) -> bool:
    try:
        return date(today.year, month, day) == today
    except ValueError:  # 29 February in a common year
        other = date(today.year, 2, 28) if leap_day == "feb28" else date(today.year, 3, 1)
        return today == other


def is_lunar_birthday(today: date, month: int, day: int) -> bool:
    _, this_month, this_day = lunar_of(today)
    if this_month != month:  # a leap month is negative: nobody's
        return False
    ends = lunar_of(today + DAY)[1] != month
    return this_day == day or (day == 30 and this_day == 29 and ends)


@cache
def instant(zone: str, day: date, at: time) -> datetime:
    """The first quarter of an hour at which a local clock shows this time, or a later one, of the
    day."""
    local = ZoneInfo(zone)
    found = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    while True:
        shown = found.astimezone(local)
        if shown.date() > day or (shown.date() == day and shown.time() >= at):
            return found
        found += QUARTER


def occasion(zone: str, day: date, year: int, at: time, lateness_days: int = 0) -> Occasion:
    """What a birthday journey makes of a local day."""
    late = instant(zone, day + DAY * (1 + lateness_days), time())
    return Occasion(day, year, instant(zone, day, at), late)
