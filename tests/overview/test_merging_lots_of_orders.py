"""Orders whose points last differently, of two records of one person: their lots stay together."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from order_bodies import order_body, stamp
from sqlalchemy import text

from crm.db import db
from crm.points import check

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SOON, LATE = "2026-12-22T16:00:00Z", "2027-11-22T16:00:00Z"
MONTH = {"policy": "rolling_months", "months": 1}


@pytest.fixture(autouse=True)
def fifty_points_for_a_month(admin, stand_at):
    stand_at(NOW)
    body = {"kind": "per_order", "points": 50, "expiry": MONTH, "starts_at": "1970-01-01T00:00:00Z"}
    assert admin.post("/points/rules", body).status_code == 201


@pytest.fixture
def pair(admin):
    """Two members: who lives on, and who is merged into him."""
    return [admin.post("/members", {}).json["id"] for _ in range(2)]


@pytest.fixture
def buy(admin):
    """Writes the order A1 of 250.00."""

    def put(member_id, **changes):
        at = {name: stamp(NOW - DAY) for name in ("placed_at", "paid_at", "updated_at")}
        answer = admin.put("/orders/web/A1", order_body(member_id, **(at | changes)))
        assert answer.status_code == 200, answer.data
        return answer.json

    return put


@pytest.fixture
def merge(admin):
    """Merges the second into the first: → the merge's id."""

    def put(into, gone):
        answer = admin.post(f"/members/{into}/merge", {"from": {"id": gone}})
        assert answer.status_code in (200, 201), answer.data
        return answer.json["id"]

    return put


def points(admin, member_id):
    found = admin.get(f"/members/{member_id}/points").json
    expiring = {one["expires_at"]: one["points"] for one in found["expiring"]}
    return (found["available"], found["pending"], found["debt"]), expiring


def refund(admin, amount):
    body = {"refunded_at": stamp(NOW), "amount": amount}
    assert admin.put(f"/orders/web/A1/refunds/{uuid4().hex}", body).status_code == 200


def sound():
    assert check.run() == []


def test_a_refund_after_the_merge_takes_from_both_lots_and_no_others(admin, pair, buy, merge):
    into, gone = pair
    buy(gone)
    award = {"member": {"id": into}, "activity": "custom", "source_key": "k", "points": 500}
    assert admin.post("/points/awards", award).status_code == 201
    merge(into, gone)
    assert points(admin, into)[0] == (500, 300, 0)
    refund(admin, 5000)
    assert points(admin, into)[0] == (500, 240, 0)
    refund(admin, 20000)
    assert points(admin, into) == ((500, 0, 0), {LATE: 500})
    sound()


def test_a_release_after_the_merge_and_its_undo_keeps_both_policies(admin, pair, buy, merge):
    into, gone = pair
    buy(gone)
    done = merge(into, gone)
    assert admin.post("/orders/web/A1/release").status_code == 200
    assert points(admin, into) == ((300, 0, 0), {SOON: 50, LATE: 250})
    assert admin.post(f"/merges/{done}/undo").status_code == 200
    assert points(admin, gone) == ((300, 0, 0), {SOON: 50, LATE: 250})
    refund(admin, 25000)
    assert points(admin, gone) == ((0, 0, 0), {})
    sound()


def test_what_the_order_earned_while_merged_goes_back_in_its_lots(admin, pair, buy, merge):
    into, gone = pair
    placed = {"status": "placed", "updated_at": stamp(NOW - 2 * DAY)}
    buy(gone, **placed)
    done = merge(into, gone)
    buy(None)
    assert points(admin, into)[0] == (0, 300, 0)
    assert admin.post(f"/merges/{done}/undo").status_code == 200
    assert points(admin, gone)[0] == (0, 300, 0)
    opened = text(
        "SELECT count(DISTINCT opened_by), count(*) FROM points_lot WHERE member_id = :id"
    )
    assert tuple(db.session.execute(opened, {"id": gone}).one()) == (1, 2)
    assert admin.post("/orders/web/A1/release").status_code == 200
    assert points(admin, gone) == ((300, 0, 0), {SOON: 50, LATE: 250})
    refund(admin, 25000)
    assert points(admin, gone)[0] == (0, 0, 0)
    sound()
