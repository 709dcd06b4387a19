"""Birthdays: month and day, of the solar or the lunar calendar; the year is nobody's business."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any

from crm.errors import N_
from crm.members.errors import invalid_field

OLDEST = 1900
LONGEST_LUNAR_MONTH = 30
LEAP_YEAR = 2000

INVALID = N_("There is no such day in that month.")
FUTURE = N_("A birthday can't be in the future.")


def columns(given: Mapping[str, Any] | None, *, today: date) -> dict[str, Any]:
    """The member's columns of a birthday, all None without one. Raises `Invalid`.

    29 February is a birthday; with a year, only of a leap year. Lunar months have up to 30 days.
    """
    if given is None:
        return {f"birthday_{part}": None for part in ("month", "day", "year", "calendar")}
    month, day, year = given["month"], given["day"], given.get("year")
    calendar = given.get("calendar") or "solar"
    if calendar == "lunar":
        longest = LONGEST_LUNAR_MONTH
    else:
        longest = monthrange(year or LEAP_YEAR, month)[1]
    if day > longest:
        raise invalid_field("/birthday/day", "invalid_birthday", INVALID)
    # A lunar year begins weeks after the solar one: its months are not compared.
    if year and (year > today.year or (calendar == "solar" and date(year, month, day) > today)):
        raise invalid_field("/birthday/year", "invalid_birthday", FUTURE)
    return {
        "birthday_month": month,
        "birthday_day": day,
        "birthday_year": year,
        "birthday_calendar": calendar,
    }
