"""The Chinese calendar, against days that everybody knows; and who has a birthday on a day."""

from datetime import date, timedelta

import pytest

from crm.members.birthdays import Celebrated, celebrated_on
from crm.members.lunar import LAST_DAY, NEW_YEAR, YEARS, lunar

pytestmark = pytest.mark.usefixtures("no_database")

NEW_YEARS = [
    (2021, 2, 12), (2022, 2, 1), (2023, 1, 22), (2024, 2, 10), (2025, 1, 29), (2026, 2, 17),
    (2027, 2, 6), (2028, 1, 26), (2029, 2, 13), (2030, 2, 3), (2033, 1, 31), (2034, 2, 19),
    (2050, 1, 23), (2100, 2, 9),
]  # fmt: skip
FESTIVALS = [
    (date(2024, 9, 17), 8, 15), (date(2025, 10, 6), 8, 15), (date(2026, 9, 25), 8, 15),
    (date(2025, 5, 31), 5, 5), (date(2026, 6, 19), 5, 5), (date(2033, 9, 8), 8, 15),
]  # fmt: skip


@pytest.mark.parametrize("day", NEW_YEARS)
def test_the_new_year_is_when_it_was_celebrated(day):
    year, month, first = day
    found = lunar(date(year, month, first))
    assert found is not None
    assert found[:4] == (year, 1, 1, False)


@pytest.mark.parametrize(("day", "month", "nth"), FESTIVALS)
def test_festivals_are_on_their_days(day, month, nth):
    found = lunar(day)
    assert found is not None
    assert found[1:4] == (month, nth, False)


def test_a_leap_month_follows_its_namesake():
    assert lunar(date(2025, 7, 24)) == (2025, 6, 30, False, 30)
    assert lunar(date(2025, 7, 25)) == (2025, 6, 1, True, 29)
    assert lunar(date(2033, 12, 22)) == (2033, 11, 1, True, 29)


def test_days_follow_each_other_through_the_whole_table_and_end_there():
    day, before = NEW_YEAR, None
    while day <= LAST_DAY:
        here = lunar(day)
        assert here is not None
        if before is not None and here.day > 1:
            assert here[:2] == before[:2]
            assert here.day == before.day + 1
        elif before is not None:
            assert before.day == before.length
        day, before = day + timedelta(days=1), here
    assert before is not None
    assert before[:2] == (2019 + len(YEARS), 12)
    assert lunar(NEW_YEAR - timedelta(days=1)) is None
    assert lunar(LAST_DAY + timedelta(days=1)) is None


def on(year, month, day):
    return celebrated_on(date(year, month, day))


def test_a_leap_day_is_celebrated_on_the_28th_where_there_is_none():
    assert Celebrated("solar", 2, 29, 2027) in on(2027, 2, 28)
    assert Celebrated("solar", 2, 29, 2028) not in on(2028, 2, 28)
    assert Celebrated("solar", 2, 29, 2028) in on(2028, 2, 29)


def test_a_lunar_30th_is_celebrated_on_the_last_day_of_a_short_month():
    assert lunar(date(2027, 2, 5)) == (2026, 12, 29, False, 29)
    assert Celebrated("lunar", 12, 30, 2026) in on(2027, 2, 5)
    assert Celebrated("lunar", 12, 29, 2026) in on(2027, 2, 5)
    assert Celebrated("lunar", 12, 30, 2023) in on(2024, 2, 9)


def test_every_birthday_comes_once_a_year_of_its_calendar():
    seen = set()
    day = date(2021, 1, 1)
    while day < date(2041, 1, 1):
        for one in celebrated_on(day):
            assert one not in seen, one
            seen.add(one)
        day += timedelta(days=1)
    years = {calendar: set() for calendar in ("solar", "lunar")}
    for one in seen:
        years[one.calendar].add(one.year)
    for year in range(2021, 2040):
        assert sum(one.calendar == "solar" and one.year == year for one in seen) == 366
        assert sum(one.calendar == "lunar" and one.year == year for one in seen) == 360


def test_beyond_the_table_birthdays_are_solar_alone():
    assert on(2150, 3, 1) == [Celebrated("solar", 3, 1, 2150)]
