"""Whoever is born on whatever day of whichever calendar, wherever he lives: on his day, once."""

from datetime import UTC, date, datetime, time, timedelta

import obvious_calendar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from travellers import traveller

from crm.campaigns.journeys import due, moments
from crm.campaigns.journeys.kinds.birthday import JOURNEY
from crm.campaigns.journeys.settings import loaded
from crm.db import db

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
ZONES = [
    "Pacific/Pago_Pago", "Pacific/Kiritimati", "Asia/Shanghai", "Asia/Kathmandu",
    "America/New_York", "America/Santiago", "Europe/London", "Australia/Lord_Howe",
    "Asia/Tehran", "Africa/Cairo", "Pacific/Chatham", "America/St_Johns",
]  # fmt: skip
SOLAR = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: (day.month, day.day))
LUNAR = st.tuples(st.integers(1, 12), st.integers(1, 30))
BORN = st.one_of(
    st.tuples(st.just("solar"), SOLAR),
    st.tuples(st.just("lunar"), LUNAR),
    st.tuples(st.just("solar"), st.just((2, 29))),
    st.tuples(st.just("lunar"), st.tuples(st.integers(1, 12), st.just(30))),
)
PEOPLE = st.lists(st.tuples(BORN, st.sampled_from(ZONES)), min_size=1, max_size=8)
HOURS = st.sampled_from([time(0), time(9), time(12, 30), time(23, 45)])
SLOW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def found_in(year: int, given_settings: dict) -> dict:
    """What the journey finds on all days of a year, by member."""
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366 if year % 4 == 0 else 365)]
    zones = moments.used(LONG_AGO + timedelta(days=1000))
    timing = JOURNEY.timing(given_settings)
    rows = due.page(
        JOURNEY, given_settings, list(moments.of_days(zones.names, timing, days)), zones,
        now=LONG_AGO, late_by=LONG_AGO, most=10_000,
    ).rows  # fmt: skip
    found: dict = {}
    for row in rows:
        one = obvious_calendar.Occasion(row.day, int(row.ref or 0), row.at, row.late)
        found.setdefault(row.member_id, []).append(one)
    return found


@SLOW
@given(PEOPLE, st.integers(2024, 2033), HOURS, st.sampled_from(["feb28", "mar1"]))
def test_the_statement_finds_the_birthdays_that_a_calendar_shows(people, year, hour, leap_day):
    members = {
        traveller(zone=zone, born=born, calendar=calendar): (calendar, born, zone)
        for (calendar, born), zone in people
    }
    asked = loaded(JOURNEY.schema, {"send_at": f"{hour:%H:%M}", "leap_day": leap_day})
    found = found_in(year, asked)
    for member, (calendar, born, zone) in members.items():
        first, last = date(year, 1, 1), date(year, 12, 31)
        expected = [
            obvious_calendar.occasion(zone, day, of, hour)
            for day, of in obvious_calendar.birthdays(calendar, born, first, last, leap_day)
        ]
        assert found.pop(member, []) == expected, (calendar, born, zone)
    assert found.keys().isdisjoint(members)
    db.session.rollback()


@SLOW
@given(PEOPLE, st.integers(2024, 2033), st.integers(1, 60))
def test_days_before_are_counted_from_the_birthday_also_over_new_year(people, year, ahead):
    members = {
        traveller(zone=zone, born=born, calendar=calendar): (calendar, born, zone)
        for (calendar, born), zone in people
    }
    found = found_in(year, loaded(JOURNEY.schema, {"when": "days_before", "days_before": ahead}))
    step = timedelta(days=ahead)
    for member, (calendar, born, zone) in members.items():
        first, last = date(year, 1, 1) + step, date(year, 12, 31) + step
        expected = [
            obvious_calendar.occasion(zone, day - step, of, time(9))
            for day, of in obvious_calendar.birthdays(calendar, born, first, last)
        ]
        assert found.pop(member, []) == expected, (calendar, born, zone)


def test_the_month_begins_on_its_first_day_by_the_members_own_calendar():
    solar = traveller(born=(5, 31))
    lunar = traveller(born=(5, 30), calendar="lunar")
    found = found_in(2026, loaded(JOURNEY.schema, {"when": "month"}))
    assert [one.day for one in found[solar]] == [date(2026, 5, 1)]
    assert [one.day for one in found[lunar]] == [date(2026, 6, 15)]


def test_a_zone_that_is_none_is_the_shops():
    lost, home = traveller(zone="Atlantis/Capital", born=(5, 3)), traveller(born=(5, 3))
    found = found_in(2026, loaded(JOURNEY.schema, {}))
    assert found[lost] == found[home] == [
        obvious_calendar.occasion("Asia/Shanghai", date(2026, 5, 3), 2026, time(9))
    ]  # fmt: skip
