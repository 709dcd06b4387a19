"""Local days: months added as on a calendar, and the midnights where days begin."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

ONE_DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)  # the smallest step of time that the database keeps
MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _length(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap else MONTH_LENGTHS[month - 1]


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last day: 31 Jan + 1 is 28 or 29 Feb."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, _length(year, month)))


def first_counting(day: date, months: int) -> date:
    """The earliest day that still counts on `day`, when each counts for `months` months.

    A day counts through its own `add_months`, as a tier lasts and as points live.
    """
    found = add_months(day, -months)
    return found if found.day == day.day else found + ONE_DAY


def local_day(at: datetime, zone: tzinfo) -> date:
    """The calendar day of an instant in a zone."""
    return at.astimezone(zone).date()


@lru_cache(maxsize=16384)
def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant (UTC) at which a local day begins, also where the clocks skip midnight."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
