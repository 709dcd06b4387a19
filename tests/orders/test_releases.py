"""Points of an order released by an explicit call: the policy `manual`, and early releases."""

from datetime import UTC, datetime, timedelta

import pytest
from order_bodies import order_body, stamp
from sqlalchemy import text

from crm.db import db
from crm.points import check

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
EPOCH = "1970-01-01T00:00:00Z"


@pytest.fixture
def owner(member, stand_at):
    stand_at(NOW)
    return member()


@pytest.fixture
def manual(admin, owner):
    pending = {"pending": {"policy": "manual"}, "effective_at": EPOCH}
    assert admin.put("/points/programme", pending).status_code == 200


def recent(owner, **more):
    at = stamp(NOW - timedelta(days=1))
    return order_body(owner, placed_at=at, paid_at=at, updated_at=at) | more


def release(admin, number="A1", **kwargs):
    return admin.post(f"/orders/web/{number}/release", **kwargs)


def points(admin, owner, at=None):
    found = admin.get(f"/members/{owner}/points" + (f"?as_of={stamp(at)}" if at else "")).json
    return found["available"], found["pending"], found["debt"]


def test_under_manual_points_wait_for_the_call_however_long(admin, owner, manual, stand_at):
    admin.put("/orders/web/A1", recent(owner))
    stand_at(NOW + timedelta(days=900))
    assert points(admin, owner) == (0, 250, 0)
    answer = release(admin)
    assert answer.status_code == 200
    assert answer.json["earned"]["state"] == "available"
    assert answer.json["earned"]["available_at"] == stamp(NOW + timedelta(days=900))
    assert points(admin, owner) == (250, 0, 0)
    assert not check.run()


def test_the_expiry_counts_from_the_release(admin, owner, manual):
    admin.put("/orders/web/A1", recent(owner))
    release(admin)
    expiring = admin.get(f"/members/{owner}/points").json["expiring"]
    assert expiring == [{"expires_at": "2027-11-22T16:00:00Z", "points": 250}]


def test_other_policies_are_released_early_and_stay_so(admin, owner, stand_at):
    admin.put("/orders/web/A1", recent(owner))
    assert points(admin, owner) == (0, 250, 0)
    first = release(admin).json
    assert points(admin, owner) == (250, 0, 0)
    delivered = stamp(NOW + timedelta(hours=1))
    body = recent(owner, status="delivered", delivered_at=delivered, updated_at=delivered)
    stand_at(NOW + timedelta(hours=2))
    again = admin.put("/orders/web/A1", body).json
    assert again["earned"] == first["earned"]
    assert points(admin, owner) == (250, 0, 0)
    assert not check.run()


def test_a_release_may_be_repeated(admin, owner, manual, stand_at):
    admin.put("/orders/web/A1", recent(owner))
    first = release(admin, body={"reason": "inspected"}, idem="r")
    stand_at(NOW + timedelta(days=3))
    assert release(admin, body={"reason": "inspected"}, idem="r").data == first.data
    assert release(admin).json == first.json
    said = text("SELECT reason, after FROM audit_entry WHERE action = 'order.release'")
    assert db.session.execute(said).all() == [("inspected", {"points": 250})]


def test_released_points_pay_debts_first(admin, owner, manual):
    for number in ("A1", "A2"):
        admin.put(f"/orders/web/{number}", recent(owner))
    release(admin, "A1")
    spend = {"member": {"id": str(owner)}, "points": 200, "reference": "till"}
    assert admin.post("/points/redemptions", spend).status_code == 201
    admin.put("/orders/web/A1", recent(owner, status="cancelled", updated_at=stamp(NOW)))
    assert points(admin, owner) == (0, 250, 200)
    release(admin, "A2")
    assert points(admin, owner) == (50, 0, 0)
    assert not check.run()


def test_points_given_after_a_release_are_spendable_at_once(admin, owner, manual):
    admin.put("/orders/web/A1", recent(owner))
    release(admin)
    body = recent(owner, updated_at=stamp(NOW))
    body["lines"][1]["unit_price"] = 10000
    assert admin.put("/orders/web/A1", body).json["earned"]["points"] == 300
    assert points(admin, owner) == (300, 0, 0)


def test_all_lots_of_an_order_are_released(admin, owner, manual):
    admin.put("/orders/web/A1", recent(owner))
    body = recent(owner, updated_at=stamp(NOW))
    body["lines"][1]["unit_price"] = 10000
    admin.put("/orders/web/A1", body)
    assert points(admin, owner) == (0, 300, 0)
    release(admin)
    assert points(admin, owner) == (300, 0, 0)


@pytest.mark.parametrize("change", [{"status": "placed", "paid_at": None}, {"status": "cancelled"}])
def test_an_order_without_points_has_nothing_to_release(admin, owner, manual, change):
    admin.put("/orders/web/A1", recent(owner) | change)
    answer = release(admin)
    assert (answer.status_code, answer.json["code"]) == (409, "nothing_to_release")


def test_a_refunded_order_and_a_guests_have_nothing_to_release(admin, owner, manual):
    admin.put("/orders/web/A1", recent(owner))
    admin.put("/orders/web/A1/refunds/R", {"refunded_at": stamp(NOW), "amount": 25000})
    admin.put("/orders/web/A2", recent(None))
    for number in ("A1", "A2"):
        assert release(admin, number).json["code"] == "nothing_to_release"
    assert release(admin, "A3").json["code"] == "order_not_found"
