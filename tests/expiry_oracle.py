"""When points lapse, told a second time in plain calendar arithmetic."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of_month(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def last_valid_day(policy: dict[str, Any], first: date) -> date | None:
    """The last local day on which points available since `first` may be spent."""
    day = months_later(first, policy.get("months", 12))
    match policy["policy"]:
        case "never":
            return None
        case "rolling_months" | "inactivity_months":
            return day
        case "rolling_months_month_end":
            return end_of_month(day.year, day.month)
        case "rolling_months_quarter_end":
            return end_of_month(day.year, (day.month + 2) // 3 * 3)
        case "rolling_months_year_end":
            return date(day.year, 12, 31)
        case "fixed_day":
            last = end_of_month(first.year + 1, policy["month"])
            return last.replace(day=min(policy["day"], last.day))
    raise AssertionError(policy)


def local_day(at: datetime, zone: str) -> date:
    """What the calendar on the wall says."""
    return at.astimezone(ZoneInfo(zone)).date()


def midnight_after(last: date, zone: str) -> datetime:
    """The exclusive end of a local day: the first midnight, where the clock shows it twice."""
    there = ZoneInfo(zone)
    return datetime.combine(last + timedelta(days=1), time(), there).astimezone(UTC)


def expiry(policy: dict[str, Any], available_at: datetime, zone: str) -> datetime | None:
    """The exclusive instant: local midnight after the last valid day."""
    last = last_valid_day(policy, local_day(available_at, zone))
    return None if last is None else midnight_after(last, zone)
