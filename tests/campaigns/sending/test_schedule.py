"""Local times over the globe: the clock there says what was asked for, whatever it changes to."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.campaigns import schedule
from crm.messages import policy

pytestmark = pytest.mark.usefixtures("no_database")
RULES = policy.read(0, policy.DEFAULT)
ZONES = [
    "Pacific/Pago_Pago", "Pacific/Honolulu", "America/Los_Angeles", "America/New_York",
    "America/St_Johns", "America/Sao_Paulo", "UTC", "Europe/London", "Europe/Berlin",
    "Africa/Cairo", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Shanghai",
    "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Apia", "Pacific/Kiritimati",
]  # fmt: skip
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def due(zone: str, given: dict, launched_at: datetime = LONG_AGO) -> schedule.Due:
    return schedule.dues(
        given, [zone], launched_at=launched_at, channel="email", policy=RULES
    )[0]  # fmt: skip


def local(day: date, wanted: time, if_past: str = "now") -> dict:
    return {"local_time": f"{wanted:%H:%M}", "on": day.isoformat(), "if_past": if_past}


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    wanted=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_the_clock_there_says_the_time_that_was_asked_for(zone, day, wanted):
    found = due(zone, local(day, wanted)).at
    there = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    asked = datetime.combine(day, wanted)
    if there != asked:  # the clocks were put forward over it: as much later
        gap = there - asked
        before = (found - timedelta(hours=3)).astimezone(ZoneInfo(zone)).utcoffset()
        assert gap == found.astimezone(ZoneInfo(zone)).utcoffset() - before
        assert timedelta(0) < gap <= timedelta(hours=1)


def test_a_time_that_comes_twice_is_the_first_of_both():
    found = due("America/New_York", local(date(2026, 11, 1), time(1, 30))).at
    assert found == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_a_time_that_is_left_out_is_an_hour_later():
    found = due("America/New_York", local(date(2027, 3, 14), time(2, 30))).at
    assert found == datetime(2027, 3, 14, 7, 30, tzinfo=UTC)  # 03:30 there


def test_one_morning_goes_round_the_globe_in_a_day_and_an_hour():
    instants = [due(zone, local(date(2027, 1, 5), time(10))).at for zone in ZONES]
    assert min(instants) == due("Pacific/Kiritimati", local(date(2027, 1, 5), time(10))).at
    assert max(instants) == due("Pacific/Pago_Pago", local(date(2027, 1, 5), time(10))).at
    assert max(instants) - min(instants) == timedelta(hours=25)


LAUNCHED = datetime(2027, 1, 5, 4, 0, tzinfo=UTC)  # noon in Shanghai


@pytest.mark.parametrize(
    ("if_past", "expected"),
    [
        ("now", LAUNCHED),
        ("tomorrow", datetime(2027, 1, 6, 2, 0, tzinfo=UTC)),
        ("skip", None),
    ],
)
def test_where_the_time_has_passed_it_goes_as_was_chosen(if_past, expected):
    given_ = local(date(2027, 1, 5), time(10), if_past)
    assert due("Asia/Shanghai", given_, LAUNCHED).at == expected
    assert due("Europe/London", given_, LAUNCHED).at == datetime(2027, 1, 5, 10, tzinfo=UTC)


def test_tomorrow_is_the_next_time_that_the_clock_there_says_so():
    given_ = local(date(2027, 1, 1), time(18), "tomorrow")  # days ago
    assert due("Asia/Shanghai", given_, LAUNCHED).at == datetime(2027, 1, 5, 10, 0, tzinfo=UTC)
    assert due("Pacific/Kiritimati", given_, LAUNCHED).at == LAUNCHED  # it is six there, right now
    assert due("Pacific/Auckland", given_, LAUNCHED).at == datetime(2027, 1, 5, 5, 0, tzinfo=UTC)


def test_a_name_that_is_no_zone_counts_as_the_shops():
    given_ = local(date(2027, 1, 5), time(10))
    assert due("Mars/Olympus", given_).at == due("Asia/Shanghai", given_).at


def test_the_day_for_the_caps_is_the_one_on_which_it_may_go():
    late = {"at": "2027-01-05T14:00:00Z"}  # 22:00 in Shanghai: it waits for the morning
    assert due("Asia/Shanghai", late).day == date(2027, 1, 6)
    assert due("Europe/London", late).day == date(2027, 1, 5)
