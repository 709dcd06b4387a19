"""Each occasion once, whoever ticks, however often, and whatever died on the way."""

from datetime import UTC, datetime, timedelta

import pytest
from clocks import set_to
from sqlalchemy import text
from travellers import (
    NOON,
    coupon_template,
    coupons_of,
    given,
    messages,
    occasions,
    points_of,
    reasons,
    run_at,
    switch,
    traveller,
)

from crm.campaigns.journeys import coming, due, running
from crm.campaigns.journeys.jobs import next_tick, tick
from crm.db import db, transaction

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def ticked(at: datetime) -> int:
    return run_at(at, set_to)


def test_a_birthday_brings_points_a_coupon_and_a_message_that_names_both():
    coupon = coupon_template()
    switch("birthday", points=100, coupon_template=str(coupon))
    one = traveller(born=(11, 22))
    assert ticked(NOON) == 1
    assert occasions("birthday", one) == [("2026-11-22", "given", None, 100, True, True)]
    assert points_of(one) == 100
    (held,) = coupons_of(one)
    assert held == (f"birthday:birthday:{one}:2026", "issued", coupon)
    ((occasion, state, _),) = messages(one)
    assert (occasion, state) == (f"birthday:birthday:{one}:2026", "waiting")
    said = db.session.execute(text("SELECT variables FROM message")).scalar_one()
    assert said["points"] == {"amount": 100}
    assert said["coupon"]["value"]["en"] == "CN¥20.00"
    assert said["coupon"]["code"]


def test_ticking_again_gives_nothing_again():
    switch("birthday", points=100)
    one = traveller(born=(11, 22))
    assert ticked(NOON) == 1
    assert ticked(NOON) == 0
    assert ticked(NOON + HOUR) == 0
    assert ticked(NOON + 5 * DAY) == 0
    assert (points_of(one), len(messages(one))) == (100, 1)


def test_next_year_is_another_birthday():
    switch("birthday", points=100)
    one = traveller(born=(11, 22))
    ticked(NOON)
    ticked(NOON.replace(year=2027))
    assert given("birthday", one) == ["2026-11-22", "2027-11-22"]
    assert points_of(one) == 200


def test_an_occasion_comes_at_its_hour_by_the_members_own_clock():
    switch("birthday", points=1)
    west, east = (
        traveller(zone="Pacific/Pago_Pago", born=(12, 1)),
        traveller(zone="Pacific/Kiritimati", born=(12, 1)),
    )
    ticked(datetime(2026, 11, 30, 18, 55, tzinfo=UTC))
    assert (given("birthday", east), given("birthday", west)) == ([], [])
    ticked(datetime(2026, 11, 30, 19, 0, tzinfo=UTC))
    assert (given("birthday", east), given("birthday", west)) == (["2026-12-01"], [])
    ticked(datetime(2026, 12, 1, 19, 55, tzinfo=UTC))
    assert given("birthday", west) == []
    ticked(datetime(2026, 12, 1, 20, 0, tzinfo=UTC))
    assert given("birthday", west) == ["2026-12-01"]


def test_after_downtime_a_birthday_is_made_up_for_on_the_same_local_day_only():
    switch("birthday", points=1)
    here, there = traveller(born=(11, 24)), traveller(zone="Pacific/Pago_Pago", born=(11, 24))
    ticked(NOON)
    ticked(datetime(2026, 11, 24, 16, 0, tzinfo=UTC))  # midnight in Shanghai, 5 am in Pago Pago
    assert occasions("birthday", here)[0][:3] == ("2026-11-24", "expired", "too_late")
    assert (points_of(here), messages(here)) == (0, [])
    assert occasions("birthday", there) == []
    ticked(datetime(2026, 11, 25, 10, 59, tzinfo=UTC))  # one minute to midnight
    assert given("birthday", there) == ["2026-11-24"]


def test_other_journeys_are_made_up_for_within_three_days():
    switch("member_day", days_of_month=[25])
    one = traveller()
    ticked(NOON)
    ticked(datetime(2026, 11, 28, 15, 59, tzinfo=UTC))  # the 28th ends in a minute
    assert given("member_day", one) == ["2026-11-25"]
    ticked(datetime(2026, 12, 29, 16, 0, tzinfo=UTC))
    assert reasons("member_day", one) == ["too_late"]


def test_a_birthday_that_is_told_on_the_day_itself_still_counts():
    switch("birthday", points=1)
    one = traveller()
    ticked(NOON)
    with transaction():
        db.session.execute(
            text("""
                UPDATE member SET birthday_month = 11, birthday_day = 22,
                    birthday_calendar = 'solar' WHERE id = :m
            """),
            {"m": one},
        )
    ticked(NOON + HOUR)
    assert given("birthday", one) == ["2026-11-22"]


def test_days_before_it_was_switched_on_do_not_count_but_the_day_itself_does():
    yesterday, today = traveller(born=(11, 21)), traveller(born=(11, 22))
    switch("birthday", points=1, lateness_days=3)
    ticked(NOON)
    assert (given("birthday", yesterday), given("birthday", today)) == ([], ["2026-11-22"])
    assert reasons("birthday", yesterday) == []


def test_a_change_of_settings_makes_nobodys_occasion_expire():
    switch("birthday", NOON - 9 * DAY, points=1)
    one = traveller(born=(11, 28))  # yesterday was seven days before it
    ticked(NOON)
    switch("birthday", NOON, when="days_before", days_before=7)
    assert ticked(NOON + HOUR) == 0
    switch("birthday", NOON + 2 * HOUR, when="day")
    for day in range(1, 8):
        ticked(NOON + day * DAY)
    assert occasions("birthday", one) == [("2026-11-28", "given", None, 1, False, True)]


def test_an_hour_that_is_moved_counts_on_the_day_itself():
    switch("member_day", days_of_month=[22], send_at="20:00")
    one = traveller()
    ticked(NOON)
    switch("member_day", NOON, send_at="09:00")
    ticked(NOON + timedelta(minutes=5))
    assert given("member_day", one) == ["2026-11-22"]


def test_a_journey_that_is_off_does_nothing_and_makes_up_for_nothing():
    switch("birthday", points=1)
    switch("birthday", NOON, on=False)
    one = traveller(born=(11, 23))
    assert next_tick(NOON) is None
    assert ticked(NOON + DAY) == 0
    switch("birthday", NOON + 2 * DAY)
    ticked(NOON + 2 * DAY)
    assert occasions("birthday", one) == []


def died(_: object) -> None:
    raise KeyboardInterrupt


def test_a_tick_that_died_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch):
    switch("birthday", points=5)
    members = [traveller(born=(11, 22)) for _ in range(7)]
    monkeypatch.setattr(running, "CHUNK", 2)
    with transaction():
        handled, after = running.step("birthday", due.NOBODY, now=NOON)
    assert handled == 2
    assert after is not None
    with pytest.raises(KeyboardInterrupt), transaction():
        died(running.step("birthday", after, now=NOON))
    assert ticked(NOON) == 5
    assert [points_of(one) for one in members] == [5] * 7
    assert [len(messages(one)) for one in members] == [1] * 7


def test_a_day_for_all_goes_on_behind_members_who_have_had_theirs(monkeypatch: pytest.MonkeyPatch):
    switch("member_day", days_of_month=[22])
    members = sorted(traveller() for _ in range(7))
    monkeypatch.setattr(running, "CHUNK", 3)
    with transaction():
        handled, after = running.step("member_day", due.NOBODY, now=NOON)
    assert (handled, after) == (3, members[2])
    assert ticked(NOON) == 4
    assert ticked(NOON) == 0
    assert [given("member_day", one) for one in members] == [["2026-11-22"]] * 7


def test_whoever_can_not_have_his_coupon_gets_nothing_and_it_says_why():
    coupon = coupon_template(stock=1)
    switch("birthday", points=5, coupon_template=str(coupon))
    members = sorted(traveller(born=(11, 22)) for _ in range(2))
    ticked(NOON)
    assert [points_of(one) for one in members] == [5, 0]
    assert reasons("birthday") == ["stock_empty"]
    assert messages(members[1]) == []


def test_the_next_tick_is_when_somebody_is_due_and_within_two_months():
    switch("birthday", points=1)
    ticked(NOON)
    assert next_tick(NOON) == NOON + 60 * DAY
    traveller(born=(1, 3))
    assert next_tick(NOON) == datetime(2027, 1, 3, 1, 0, tzinfo=UTC)
    traveller(born=(11, 28))
    assert next_tick(NOON) == datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
    traveller(born=(11, 23))
    assert next_tick(NOON) == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    traveller(born=(11, 22), zone="America/New_York")
    assert next_tick(NOON) == datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
    traveller(born=(11, 22))
    assert next_tick(NOON) == NOON


@pytest.mark.parametrize("reach", coming.REACHES)
def test_somebody_is_due_to_the_second_at_which_the_looking_ahead_ends(reach: timedelta):
    switch("birthday", points=1, send_at="12:00")
    ticked(NOON)
    traveller(born=((NOON + reach).month, (NOON + reach).day))
    assert next_tick(NOON) == NOON + reach


def test_counters_say_what_the_occasions_say():
    coupon = coupon_template(stock=2)
    switch("birthday", points=5, coupon_template=str(coupon))
    for day in (22, 22, 23, 23, 24):
        traveller(born=(11, day))
    for more in range(3):
        ticked(NOON + more * DAY)
    counted, there = (
        db.session.execute(text(sql)).all()
        for sql in (
            """SELECT journey, day, state, reason, n, points, coupons FROM journey_count
               ORDER BY 1, 2, 3, 4""",
            """SELECT journey, day, state, coalesce(reason, ''), count(*), sum(points),
                      count(coupon_code) FROM journey_occasion GROUP BY 1, 2, 3, 4
               ORDER BY 1, 2, 3, 4""",
        )
    )
    assert counted == there
    assert len(counted) == 3


def test_it_is_a_job_with_a_slot(context):
    assert tick.every is not None
