"""Birthdays: month and day, of the solar or the lunar calendar; the year is nobody's business."""

from calendar import isleap, monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from crm.errors import N_
from crm.members.errors import invalid_field
from crm.members.lunar import lunar

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


class Celebrated(NamedTuple):
    """A birthday, as members have it, that a day is; `year` is that of its calendar."""

    calendar: str
    month: int
    day: int
    year: int


def celebrated_on(day: date, *, leap_day: str = "feb28") -> list[Celebrated]:
    """The birthdays that are celebrated on a day.

    29 February where there is none: on the 28th, or (`leap_day` "mar1") on 1 March. The 30th of a
    lunar month of 29 days: on its last. In a leap month, which most years don't have, nobody has a
    birthday. Beyond the table of the lunar calendar only solar ones.
    """
    found = [Celebrated("solar", day.month, day.day, day.year)]
    instead = (2, 28) if leap_day == "feb28" else (3, 1)
    if (day.month, day.day) == instead and not isleap(day.year):
        found.append(Celebrated("solar", 2, 29, day.year))
    there = lunar(day)
    if there is not None and not there.is_leap:
        found.append(Celebrated("lunar", there.month, there.day, there.year))
        if there.day == there.length < LONGEST_LUNAR_MONTH:
            found.append(Celebrated("lunar", there.month, LONGEST_LUNAR_MONTH, there.year))
    return found
