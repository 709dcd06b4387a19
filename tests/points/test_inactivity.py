"""Points that lapse after months of inactivity: every activity carries them on."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import make
from sqlalchemy import text

from crm.db import db
from crm.ids import uuid7
from crm.points import check
from crm.points.jobs import expire

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def shop(admin, stand_at):
    """A shop whose points lapse after six months without activity."""
    stand_at(JUNE)
    expiry = {"policy": "inactivity_months", "months": 6}
    changed = {"expiry": expiry, "effective_at": "2020-01-01T00:00:00Z"}
    assert admin.put("/points/programme", changed).status_code == 200
    return admin


@pytest.fixture
def member(shop, person):
    return person()


@pytest.fixture
def until(points_of):
    """When a member's points lapse: `until(member)` → {instant: points}."""

    def read(member_id, as_of=None):
        return {one["expires_at"]: one["points"] for one in points_of(member_id, as_of)["expiring"]}

    return read


def order(member_id, at, amount=30000, **changes):
    body = {
        "member": {"id": str(member_id)}, "status": "paid", "placed_at": at.isoformat(),
        "paid_at": at.isoformat(), "updated_at": at.isoformat(), "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": amount}],
    }  # fmt: skip
    return body | changes


FIRST = "2026-12-15T16:00:00Z"  # the midnight after the last valid day, in Shanghai


def test_an_award_carries_on_what_was_there(shop, member, award, until, stand_at):
    award(member, 300)
    assert until(member) == {FIRST: 300}
    stand_at(JUNE + 30 * DAY)
    award(member, 10)
    assert until(member) == {"2027-01-15T16:00:00Z": 310}
    assert check.run() == []


def test_a_redemption_carries_on_what_is_left(shop, member, award, redeem, until, stand_at):
    award(member, 300)
    stand_at(JUNE + 30 * DAY)
    redeem(member, 100)
    assert until(member) == {"2027-01-15T16:00:00Z": 200}
    assert check.run() == []


def test_a_capture_carries_on_and_a_hold_alone_does_not(shop, member, award, until, stand_at):
    award(member, 300)
    stand_at(JUNE + 30 * DAY)
    body = {"member": {"id": str(member)}, "points": 100, "reference": "cart"}
    hold = shop.post("/points/holds", body).get_json()
    assert until(member) == {FIRST: 200}
    shop.post(f"/points/holds/{hold['id']}/capture")
    assert until(member) == {"2027-01-15T16:00:00Z": 200}


def test_an_order_carries_on_from_the_day_it_was_paid(shop, member, award, until, stand_at):
    award(member, 300)
    stand_at(JUNE + 60 * DAY)
    shop.put("/orders/web/A", order(member, JUNE + 30 * DAY))
    assert until(member)["2027-01-15T16:00:00Z"] >= 300
    assert check.run() == []


def test_a_late_order_older_than_the_last_activity_changes_nothing(
    shop, member, award, until, stand_at
):
    stand_at(JUNE + 60 * DAY)
    award(member, 300)
    before = until(member)
    shop.put("/orders/web/A", order(member, JUNE))
    assert set(until(member)) == set(before)  # its points, released long since, join the others


def test_a_reversal_an_adjustment_or_a_transfer_is_no_activity(
    shop, member, person, award, redeem, until, stand_at
):
    award(member, 300)
    spent = redeem(member, 100).get_json()
    stand_at(JUNE + 30 * DAY)
    shop.post(f"/points/redemptions/{spent['id']}/reverse")
    ends = {"from": {"id": str(member)}, "to": {"id": str(person())}}
    shop.post("/points/transfers", ends | {"points": 50, "reason": "gift"})
    assert until(member) == {FIRST: 250}


def test_without_activity_they_lapse_and_stay_so(
    shop, member, award, points_of, entries_of, stand_at
):
    award(member, 300)
    end = datetime(2026, 12, 15, 16, tzinfo=UTC)
    stand_at(end - timedelta(seconds=1))
    assert points_of(member)["available"] == 300
    stand_at(end)
    assert points_of(member)["available"] == 0
    award(member, 10)  # comes too late for them, although no sweep has run
    assert points_of(member)["available"] == 10
    expire(end)
    assert [entry["points"] for entry in entries_of(member)] == [-300, 10, 300]
    assert check.run() == []


def test_points_with_an_expiry_of_their_own_are_not_carried_on(
    shop, member, award, until, stand_at
):
    award(member, 300, expires_at=JUNE + 40 * DAY)
    award(member, 200)
    stand_at(JUNE + 30 * DAY)
    award(member, 10)
    assert until(member) == {"2026-07-25T04:00:00Z": 300, "2027-01-15T16:00:00Z": 210}


def test_points_earned_under_another_policy_are_not_carried_on(
    shop, member, award, until, stand_at
):
    shop.put("/points/programme", {"expiry": {"policy": "rolling_months", "months": 12}})
    award(member, 300)
    before = set(until(member))
    stand_at(JUNE + 30 * DAY)
    shop.put("/points/programme", {"expiry": {"policy": "inactivity_months", "months": 6}})
    award(member, 10)
    assert set(until(member)) == before | {"2027-01-15T16:00:00Z"}


def test_moved_points_keep_their_expiry_until_the_taker_is_active(
    shop, member, person, award, until, stand_at
):
    other = person()
    award(member, 300)
    stand_at(JUNE + 30 * DAY)
    ends = {"from": {"id": str(member)}, "to": {"id": str(other)}}
    assert shop.post("/points/transfers", ends | {"points": 50, "reason": "x"}).status_code == 201
    assert until(other) == {FIRST: 50}
    stand_at(JUNE + 60 * DAY)
    award(other, 10)
    assert until(other) == {"2027-02-14T16:00:00Z": 60}


def test_the_past_shows_the_expiry_that_was_known_then(shop, member, award, until, stand_at):
    award(member, 300)
    stand_at(JUNE + 30 * DAY)
    award(member, 10)
    stand_at(JUNE + 60 * DAY)
    award(member, 1)
    assert until(member, JUNE + 10 * DAY) == {FIRST: 300}
    assert until(member, JUNE + 40 * DAY) == {"2027-01-15T16:00:00Z": 310}


def test_a_delivery_does_not_shorten_what_an_activity_carried_on(
    shop, member, award, until, stand_at
):
    shop.put("/orders/web/A", order(member, JUNE))
    stand_at(JUNE + 12 * DAY)
    award(member, 10)
    delivered = {"status": "delivered", "updated_at": (JUNE + 12 * DAY).isoformat()}
    delivered["delivered_at"] = (JUNE + 2 * DAY).isoformat()  # released on the ninth day
    shop.put("/orders/web/A", order(member, JUNE, **delivered))
    assert until(member) == {"2026-12-27T16:00:00Z": 310}


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    gaps=st.lists(st.integers(0, 250), min_size=1, max_size=6),
    zone=st.sampled_from(["Asia/Shanghai", "Pacific/Kiritimati", "America/New_York"]),
)
def test_points_live_as_long_as_no_gap_is_longer_than_their_months(shop, gaps, zone):
    """Against the policy in plain words: alive from gap to gap, or lapsed for ever."""
    member_id, at = make(zone=zone), JUNE
    give = text("""
        SELECT * FROM points_award(:at, false, CAST(:rows AS json))
    """)
    expiry = text("""
        SELECT points_expiry('{"policy": "inactivity_months", "months": 6}', :at, :zone)
    """)
    alive = 0
    for number, gap in enumerate([0, *gaps]):
        last, at = at, at + gap * DAY
        if db.session.scalar(expiry, {"at": last, "zone": zone}) <= at:
            alive = 0
        row = (
            f'[{{"who_kind": "id", "who_value": "{member_id}", "points": 1, "type": "award:custom",'
            f' "id": "{member_id}{number}", "shown": "", "source": "{make_key()}",'
            f' "entry_id": "{uuid7()}", "lot_id": "{uuid7()}"}}]'
        )
        assert db.session.execute(give, {"at": at, "rows": row}).one().status == 201
        alive += 1
        valid = text("SELECT points_spendable(:m, :at)")
        assert db.session.scalar(valid, {"m": member_id, "at": at}) == alive


def make_key() -> str:
    return str(db.session.scalar(text("SELECT uuidv7()")))
