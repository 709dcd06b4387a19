"""Local days, months and windows."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tier_worlds import SHANGHAI, ZONES, at, ladder

from crm.members.tiers.days import add_months, first_counting, local_day, midnight
from crm.members.tiers.windows import next_period_end, period_end, review_spans, window_start

pytestmark = pytest.mark.usefixtures("no_database")
DAYS = st.dates(date(1990, 1, 1), date(2190, 12, 31))
MONTHS = st.integers(1, 120)


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        ("2027-01-31", 1, "2027-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2027-03-31", -1, "2027-02-28"),
        ("2026-11-22", 14, "2028-01-22"),
        ("2026-12-01", 1, "2027-01-01"),
    ],
)
def test_a_month_ends_where_the_calendar_says(day, months, then):
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(then)


@given(DAYS, MONTHS)
def test_the_first_counting_day_is_the_first_whose_months_reach_the_day(day, months):
    found = first_counting(day, months)
    assert add_months(found, months) >= day
    assert add_months(found - timedelta(days=1), months) < day


@given(DAYS, st.sampled_from(ZONES))
def test_a_local_day_begins_at_its_midnight_and_not_an_instant_earlier(day, zone):
    begins = midnight(day, zone)
    assert begins.utcoffset() == timedelta(0)
    assert local_day(begins, zone) == day
    assert local_day(begins - timedelta(microseconds=1), zone) == day - timedelta(days=1)


def test_a_day_whose_midnight_is_skipped_begins_with_its_first_hour():
    santiago = ZoneInfo("America/Santiago")  # 6 Sep 2026: 24:00 becomes 01:00
    begins = midnight(date(2026, 9, 6), santiago)
    assert begins == datetime(2026, 9, 6, 4, tzinfo=UTC)
    assert begins.astimezone(santiago).hour == 1


@pytest.mark.parametrize(
    ("window", "now", "start"),
    [
        ({"kind": "rolling_months", "months": 12}, "2026-11-22 14:00", "2025-11-22"),
        ({"kind": "rolling_months", "months": 12}, "2028-02-29 14:00", "2027-03-01"),
        ({"kind": "rolling_months", "months": 12}, "2029-02-28 14:00", "2028-02-28"),
        ({"kind": "rolling_months", "months": 1}, "2027-03-31 00:00", "2027-03-01"),
        ({"kind": "rolling_months", "months": 1}, "2027-02-28 23:59", "2027-01-28"),
        ({"kind": "calendar_year"}, "2026-01-01 00:00", "2026-01-01"),
        ({"kind": "calendar_year"}, "2026-12-31 23:59", "2026-01-01"),
        ({"kind": "membership_year"}, "2026-02-27 12:00", "2025-02-28"),
        ({"kind": "membership_year"}, "2026-02-28 00:00", "2026-02-28"),
        ({"kind": "membership_year"}, "2028-02-28 23:59", "2027-02-28"),
        ({"kind": "membership_year"}, "2028-02-29 00:00", "2028-02-29"),
        ({"kind": "membership_year"}, "2023-06-01 00:00", "2023-02-28"),
    ],
)
def test_a_window_begins_at_a_local_midnight(window, now, start):
    joined = at("2024-02-29 20:00")
    assert window_start(ladder(window=window), at(now), SHANGHAI, joined) == at(start)


def test_a_lifetime_has_no_beginning():
    whole = ladder(window={"kind": "lifetime"})
    assert window_start(whole, at("2026-11-22"), SHANGHAI, at("2024-01-01")) is None
    end = at("2026-11-22")
    spans = review_spans(whole, end, end, SHANGHAI, at("2024-01-01"))
    assert spans == [(None, end - timedelta(microseconds=1))]


def test_the_same_instant_is_another_day_on_the_other_side_of_the_world():
    yearly = ladder(window={"kind": "calendar_year"})
    now = datetime(2026, 12, 31, 23, tzinfo=UTC)
    west, east = ZoneInfo("Pacific/Pago_Pago"), ZoneInfo("Pacific/Kiritimati")
    joined = at("2024-01-01")
    assert window_start(yearly, now, west, joined) == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert window_start(yearly, now, east, joined) == datetime(2026, 12, 31, 10, tzinfo=UTC)


@given(DAYS, MONTHS, st.sampled_from(ZONES))
def test_a_period_and_a_window_of_the_same_length_never_share_the_day_of_attaining(
    day, months, zone
):
    rolling = ladder(window={"kind": "rolling_months", "months": months}, validity_months=months)
    end = period_end(day, months, zone)
    ((start, last),) = review_spans(rolling, end, end, zone, end)
    assert start is not None
    assert start >= midnight(day + timedelta(days=1), zone)
    assert last == end - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        ("calendar_year", [("2027-01-01", "2027-01-16"), ("2026-01-16", "2027-01-01")]),
        ("membership_year", [("2026-06-01", "2027-01-16"), ("2026-01-16", "2026-06-01")]),
    ],
)
def test_a_year_in_progress_is_judged_together_with_the_part_of_the_period_before_it(kind, days):
    yearly = ladder(window={"kind": kind})
    end = period_end(date(2026, 1, 15), 12, SHANGHAI)
    spans = review_spans(yearly, end, end, SHANGHAI, at("2020-06-01 09:00"))
    instant = timedelta(microseconds=1)
    assert spans == [(at(start), at(until) - instant) for start, until in days]


def test_a_year_that_ends_with_the_period_is_judged_alone():
    yearly = ladder(window={"kind": "calendar_year"})
    end = at("2027-01-01")
    spans = review_spans(yearly, end, end, SHANGHAI, at("2020-06-01"))
    assert spans == [(at("2026-01-01"), end - timedelta(microseconds=1))]


@given(DAYS, MONTHS, st.sampled_from(ZONES))
def test_every_day_of_a_renewed_period_counts_at_its_end(day, months, zone):
    rolling = ladder(window={"kind": "rolling_months", "months": months}, validity_months=months)
    begins = midnight(day, zone)
    end = next_period_end(begins, months, zone, beyond=begins)
    ((start, _),) = review_spans(rolling, end, end, zone, end)
    assert start is not None
    assert start <= begins
