"""Guests' orders claimed by members: they earn as if they had named him from the start."""

from datetime import timedelta

import pytest
from order_bodies import PLACED, order_body, stamp
from sqlalchemy import text

from crm.db import db
from crm.orders import checking
from crm.points import check

EPOCH = "1970-01-01T00:00:00Z"


@pytest.fixture
def owner(member):
    return member()


@pytest.fixture(autouse=True)
def standing_clock(stand_at):
    """So that two tellings of one state are equal."""
    stand_at(PLACED + timedelta(days=20))


def claim(admin, number, member_id, **kwargs):
    return admin.post(f"/orders/web/{number}/claim", {"member": {"id": str(member_id)}}, **kwargs)


def essence(admin, number, owner):
    """An order, its member's points and aggregates, without what must differ between two."""
    order = admin.get(f"/orders/web/{number}").json
    points = admin.get(f"/members/{owner}/points").json
    tier = admin.get(f"/members/{owner}/tier").json
    figures = db.session.execute(
        text("SELECT orders, frequency, monetary FROM purchase_summary WHERE member_id = :owner"),
        {"owner": owner},
    ).one()
    for name in ("id", "order_no", "member_id"):
        del order[name]
    return order, points, tier, tuple(figures)


def test_a_claimed_order_ends_as_one_that_named_its_member(admin, member):
    refund = {"refunded_at": stamp(PLACED + timedelta(days=1)), "amount": 12345}
    ends = []
    for steps in (("named", "refund"), ("guest", "claim", "refund"), ("guest", "refund", "claim"),
                  ("refund", "guest", "claim")):  # fmt: skip
        owner = member()
        number = f"{owner}"
        for step in steps:
            if step == "refund":
                assert admin.put(f"/orders/web/{number}/refunds/R", refund).status_code < 300
            elif step == "claim":
                answer = claim(admin, number, owner)
                assert (answer.status_code, answer.json["member_id"]) == (200, str(owner))
            else:
                body = order_body(owner if step == "named" else None)
                assert admin.put(f"/orders/web/{number}", body).status_code == 200
        ends.append(essence(admin, number, owner))
    for end in ends:
        assert end == ends[0]
    assert ends[0][0]["earned"]["points"] == 126
    lines = db.session.scalars(text("SELECT member_id FROM order_line")).all()
    assert None not in lines
    assert not check.run()
    assert checking.look(None).wrong == []


def test_it_earns_by_the_rules_in_force_when_it_was_placed(admin, owner):
    admin.put("/orders/web/A1", order_body())
    later = {"kind": "rate", "points": 5, "per_amount": 100, "name": "new and generous"}
    assert admin.post("/points/rules", later).status_code == 201
    assert claim(admin, "A1", owner).json["earned"]["points"] == 250


def test_it_earns_by_the_tier_held_when_it_was_placed(admin, owner):
    admin.put("/orders/web/A1", order_body())
    hour = stamp(PLACED + timedelta(hours=1))
    big = order_body(owner, placed_at=hour, paid_at=hour, updated_at=hour)
    big["lines"][0]["unit_price"] = 100_000
    admin.put("/orders/web/A2", big)
    assert admin.get(f"/members/{owner}/tier").json["tier"]["code"] == "silver"
    assert claim(admin, "A1", owner).json["earned"]["points"] == 250
    after = order_body(placed_at=stamp(PLACED + timedelta(hours=2)))
    admin.put("/orders/web/A3", after)
    assert claim(admin, "A3", owner).json["earned"]["points"] == 300


def test_who_joined_after_the_purchase_may_claim_it(admin, member):
    late = member(joined=PLACED + timedelta(days=10))
    admin.put("/orders/web/A1", order_body())
    assert claim(admin, "A1", late).json["earned"]["points"] == 250


def test_claiming_again_changes_nothing(admin, owner):
    admin.put("/orders/web/A1", order_body())
    first = claim(admin, "A1", owner, idem="claim")
    assert claim(admin, "A1", owner, idem="claim").headers["Idempotent-Replayed"] == "true"
    assert claim(admin, "A1", owner).json == first.json
    assert len(admin.get(f"/members/{owner}/points/entries").json["data"]) == 1
    trail = db.session.scalar(text("SELECT count(*) FROM audit_entry WHERE action = 'order.claim'"))
    assert trail == 1


def test_a_shop_that_still_calls_it_a_guests_does_not_take_it_away(admin, owner):
    admin.put("/orders/web/A1", order_body())
    claim(admin, "A1", owner)
    later = stamp(PLACED + timedelta(days=3))
    body = order_body(status="delivered", updated_at=later, delivered_at=later)
    answer = admin.put("/orders/web/A1", body).json
    assert (answer["member_id"], answer["earned"]["points"]) == (str(owner), 250)


def test_an_order_of_another_member_cannot_be_claimed(admin, member):
    admin.put("/orders/web/A1", order_body(member()))
    answer = claim(admin, "A1", member())
    assert (answer.status_code, answer.json["code"]) == (409, "order_has_another_member")


def test_claims_of_what_is_not_there_are_refused_by_name(admin, owner):
    answer = claim(admin, "NONE", owner)
    assert (answer.status_code, answer.json["code"]) == (404, "order_not_found")
    admin.put("/orders/web/A1", order_body())
    answer = claim(admin, "A1", "01900000-0000-7000-8000-000000000001")
    assert (answer.status_code, answer.json["code"]) == (404, "member_not_found")
    assert admin.get("/orders/web/A1").json["member_id"] is None


def test_a_cancelled_or_unpaid_order_may_be_claimed_and_earns_once_it_is_paid(admin, owner):
    admin.put("/orders/web/A1", order_body(status="placed", paid_at=None))
    assert claim(admin, "A1", owner).json["earned"]["state"] == "none"
    body = order_body(updated_at=stamp(PLACED + timedelta(days=1)))
    assert admin.put("/orders/web/A1", body).json["earned"]["points"] == 250


def test_a_claimed_order_is_bound_by_the_caps_of_its_day(admin, owner):
    caps = {"caps": {"per_member_day": 300}, "effective_at": EPOCH}
    assert admin.put("/points/programme", caps).status_code == 200
    admin.put("/orders/web/A1", order_body())
    admin.put("/orders/web/A2", order_body(owner))
    assert claim(admin, "A1", owner).json["earned"]["points"] == 50
