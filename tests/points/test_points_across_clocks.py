"""Points at the turns of clocks and calendars, told by the program and by the calendar: expiry,
release, caps and graces, in zones from eleven hours behind to fourteen ahead.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from api_client import Api
from expiry_oracle import expiry, local_day, midnight_after, months_later
from order_bodies import order_body, stamp

from crm.points import check
from crm.points.jobs import expire, release

ZONES = (
    "Pacific/Pago_Pago", "America/Havana", "Atlantic/Azores", "Europe/London", "Africa/Cairo",
    "Asia/Kathmandu", "Asia/Shanghai", "Australia/Lord_Howe", "Pacific/Kiritimati",
)  # fmt: skip
TURNS = (
    datetime(2026, 3, 7, 15, tzinfo=UTC),  # Havana is about to skip a midnight
    datetime(2026, 4, 23, 15, tzinfo=UTC),  # and Cairo
    datetime(2026, 10, 24, 15, tzinfo=UTC),  # midnight comes twice on the Azores
    datetime(2026, 10, 31, 15, tzinfo=UTC),  # and in Havana
    datetime(2027, 12, 31, 10, 30, tzinfo=UTC),  # New Year has come to Kiritimati only
    datetime(2028, 2, 29, 11, tzinfo=UTC),
)
SECOND = timedelta(seconds=1)
YEAR, MONTH = ({"policy": "rolling_months", "months": months} for months in (12, 1))
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def shop(admin: Api):
    """Sets the programme as if it had always been so: `shop(expiry={…})`. A yuan is a point."""

    def change(**settings) -> Api:
        settings = {"redemption": {"points_per_step": 1, "min_points": 1}} | settings
        tiers = [{"code": "new", "name": {"en": "New"}, "qualify": {"any": []}}]
        for path, body in (("/points/programme", settings), ("/tiers", {"tiers": tiers})):
            answer = admin.put(path, body | {"effective_at": LONG_AGO})
            assert answer.status_code == 200, answer.data
        return admin

    return change


def bought(member_id, at: datetime, yuan: int) -> dict:
    line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": yuan * 100}
    times = {"placed_at": stamp(at), "paid_at": stamp(at), "updated_at": stamp(at)}
    return order_body(member_id, lines=[line]) | times


def earned(admin: Api, number: str, body: dict) -> int:
    answer = admin.put(f"/orders/web/{number}", body)
    assert answer.status_code == 200, answer.data
    return answer.get_json()["earned"]["points"]


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_points_are_spendable_to_the_last_second_of_their_last_local_day(
    shop, person, award, redeem, points_of, stand_at, turn
):
    """Their last day is that of the turn: given a month before."""
    shop(expiry=MONTH)
    given = datetime.combine(months_later(turn.date(), -1), turn.time(), UTC)
    stand_at(given)
    ends = {}
    for zone in ZONES:
        member = person(joined=given - timedelta(days=1), zone=zone)
        entry = award(member, 100)
        ends[member] = expiry(MONTH, given, zone)
        assert entry["lots"][0]["expires_at"] == stamp(ends[member])
    for member, end in sorted(ends.items(), key=lambda pair: pair[1]):
        stand_at(end - SECOND)
        expire(end - SECOND)
        assert redeem(member, 1).status_code == 201
        stand_at(end)
        assert points_of(member)["available"] == 0
        assert redeem(member, 1).get_json()["code"] == "insufficient_points"
        expire(end)
        assert points_of(member, end - SECOND)["available"] == 99
    assert check.run() == []


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_release_is_so_many_times_24_hours_after_and_its_expiry_counts_from_there(
    shop, person, points_of, stand_at, turn
):
    admin = shop(expiry=YEAR)
    days = timedelta(days=15)
    stand_at(turn)
    members = {zone: person(joined=turn - timedelta(days=1), zone=zone) for zone in ZONES}
    for zone, member in members.items():
        earned(admin, f"{zone[-5:]}-{turn:%s}", bought(member, turn, 100))
    stand_at(turn + days - SECOND)
    release(turn + days - SECOND)
    assert {points_of(member)["available"] for member in members.values()} == {0}
    stand_at(turn + days)
    for swept in (False, True):
        if swept:
            release(turn + days)
        for zone, member in members.items():
            told = points_of(member)
            until = stamp(expiry(YEAR, turn + days, zone))
            assert told["available"] == 100
            assert told["expiring"] == [{"expires_at": until, "points": 100}]
    assert check.run() == []


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_the_cap_of_a_local_day_or_month_begins_anew_at_local_midnight(
    shop, person, stand_at, turn
):
    admin = shop(caps={"per_member_day": 150, "per_member_month": 200})
    stand_at(turn + timedelta(days=3))
    for zone in ZONES:
        member = person(joined=turn - timedelta(days=90), zone=zone)
        midnight = midnight_after(local_day(turn, zone), zone)
        number = f"{zone[-5:]}-{turn:%s}"
        assert earned(admin, f"{number}-1", bought(member, midnight - 2 * SECOND, 100)) == 100
        assert earned(admin, f"{number}-2", bought(member, midnight - SECOND, 100)) == 50
        # A new day: what is left of the month, unless that is new as well.
        new_month = months_day(midnight, zone) == 1
        rest = 100 if new_month else 50
        assert earned(admin, f"{number}-3", bought(member, midnight, 100)) == rest


def months_day(midnight: datetime, zone: str) -> int:
    """The day of the month that begins at this local midnight."""
    return midnight.astimezone(ZoneInfo(zone)).day


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_grace_ends_at_local_midnight_after_its_last_day(
    shop, person, award, redeem, points_of, stand_at, turn
):
    admin = shop(refund={"restore_lapsed": "grace", "grace_days": 2})
    stand_at(turn - timedelta(days=2))
    spent = {}
    for zone in ZONES:
        member = person(joined=turn - timedelta(days=9), zone=zone)
        award(member, 100, expires_at=turn - timedelta(days=1))
        spent[zone, member] = redeem(member, 100).get_json()["id"]
    stand_at(turn)
    for (zone, member), entry in spent.items():
        assert admin.post(f"/points/redemptions/{entry}/reverse").status_code == 201
        until = midnight_after(local_day(turn, zone) + timedelta(days=2), zone)
        assert points_of(member)["expiring"] == [{"expires_at": stamp(until), "points": 100}]
        assert points_of(member, until - SECOND)["available"] == 100
        assert points_of(member, until)["available"] == 0
    assert check.run() == []
