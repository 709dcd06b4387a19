"""Orders paid with points: the hold is spent once, given free, or given back with refunds."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from order_bodies import order_body, stamp

from crm.points import check

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
EPOCH = "1970-01-01T00:00:00Z"


@pytest.fixture
def owner(admin, member, stand_at):
    """A member with 10,000 points, worth 100.00."""
    stand_at(NOW)
    return with_points(admin, member())


def with_points(admin, owner, points=10_000):
    award = {"member": {"id": str(owner)}, "activity": "custom", "source_key": uuid4().hex}
    assert admin.post("/points/awards", award | {"points": points}).status_code == 201
    return owner


def hold(admin, owner, points=5000, **more):
    body = {"member": {"id": str(owner)}, "points": points, "reference": "cart"} | more
    answer = admin.post("/points/holds", body)
    assert answer.status_code == 201, answer.json
    return answer.json["id"]


def recent(owner, status="paid", minute=0, **more):
    """An order of 250.00 of just now."""
    at = stamp(NOW)
    body = order_body(owner, status=status, placed_at=at, updated_at=stamp(NOW + minute * MINUTE))
    body["paid_at"] = at if status not in ("placed", "cancelled") else None
    return body | more


MINUTE = timedelta(minutes=1)


def put(admin, body, number="A1"):
    return admin.put(f"/orders/web/{number}", body)


def refund(admin, name, number="A1", **what):
    answer = admin.put(f"/orders/web/{number}/refunds/{name}", {"refunded_at": stamp(NOW)} | what)
    assert answer.status_code == 200, answer.json
    return answer.json


def points(admin, owner):
    found = admin.get(f"/members/{owner}/points").json
    return found["available"], found["held"], found["pending"], found["debt"]


def state_of(admin, hold_id):
    return admin.get(f"/points/holds/{hold_id}").json["state"]


def refused(answer, status, code):
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
    assert answer.json["errors"][0]["pointer"] == "/points_hold"


def test_the_hold_is_captured_when_the_order_is_paid_and_its_part_earns_nothing(admin, owner):
    held = hold(admin, owner)
    placed = put(admin, recent(owner, "placed", points_hold=held)).json
    assert placed["points_hold"] == held
    assert placed["tender"] == {"points": 0, "value": 0, "restored_value": 0}
    assert points(admin, owner) == (5000, 5000, 0, 0)
    paid = put(admin, recent(owner, minute=1, points_hold=held)).json
    assert paid["tender"] == {"points": 5000, "value": 5000, "restored_value": 0}
    assert paid["earned"]["points"] == 200  # of 250.00, 50.00 were points
    assert points(admin, owner) == (5000, 0, 200, 0)
    assert state_of(admin, held) == "captured"
    assert not check.run()


def test_an_order_that_arrives_paid_captures_at_once_and_writing_it_again_captures_once(
    admin, owner
):
    held = hold(admin, owner)
    first = put(admin, recent(owner, points_hold=held)).json
    for minute, more in enumerate([{"points_hold": held}, {}, {"points_hold": held}]):
        again = put(admin, recent(owner, minute=minute, **more)).json
        assert again | {"updated_at": 0} == first | {"updated_at": 0}
    kinds = [one["kind"] for one in admin.get(f"/members/{owner}/points/entries").json["data"]]
    assert kinds.count("capture") == 1
    assert points(admin, owner) == (5000, 0, 200, 0)


def test_a_batch_captures_as_single_writes_do(admin, owner):
    one, other = hold(admin, owner, 1000), hold(admin, owner, 2000)
    batch = [
        recent(owner, points_hold=one) | {"channel": "web", "order_no": "1"},
        recent(owner, points_hold=one) | {"channel": "web", "order_no": "2"},
        recent(owner, points_hold=other) | {"channel": "web", "order_no": "3"},
        recent(owner) | {"channel": "web", "order_no": "4"},
    ]
    results = admin.post("/orders/batch", batch).json["results"]
    assert [one["status"] for one in results] == [200, 409, 200, 200]
    assert [one.get("points") for one in results] == [240, None, 230, 275]  # bronze by then
    assert results[1]["problem"]["code"] == "hold_used"
    assert points(admin, owner) == (7000, 0, 745, 0)
    assert not check.run()


def test_points_that_pay_may_earn_if_the_programme_says_so(admin, member, stand_at):
    stand_at(NOW)
    basis = {"basis": {"points_tender_earns": True}, "effective_at": EPOCH}
    assert admin.put("/points/programme", basis).status_code == 200
    owner = with_points(admin, member())
    held = hold(admin, owner)
    assert put(admin, recent(owner, points_hold=held)).json["earned"]["points"] == 250


def test_the_hold_is_given_free_when_the_order_is_cancelled_before_payment(admin, owner):
    for name_it in (True, False):
        held, number = hold(admin, owner), uuid4().hex
        put(admin, recent(owner, "placed", points_hold=held), number)
        more = {"points_hold": held} if name_it else {}
        for minute in (1, 2):
            answer = put(admin, recent(owner, "cancelled", minute, **more), number)
            assert answer.status_code == 200, answer.json
        assert state_of(admin, held) == "void"
        assert points(admin, owner)[:2] == (10_000, 0)
        again = put(admin, recent(owner, "paid", 3, points_hold=held), number)
        refused(again, 409, "hold_void")
        assert put(admin, recent(owner, "paid", 3), number).json["tender"]["points"] == 0
    assert not check.run()


def test_holds_that_cannot_pay_are_refused_by_name_and_nothing_is_kept(
    admin, member, owner, stand_at
):
    other = with_points(admin, member())
    theirs, ours = hold(admin, other), hold(admin, owner)
    refused(put(admin, recent(owner, points_hold=theirs)), 422, "hold_of_another_member")
    refused(put(admin, recent(None, points_hold=ours)), 422, "hold_of_another_member")
    refused(put(admin, recent(owner, points_hold=str(uuid4()))), 404, "hold_not_found")
    small = recent(owner, points_hold=ours)
    small["lines"] = [small["lines"][1] | {"unit_price": 4999}]
    refused(put(admin, small), 422, "tender_exceeds_total")
    put(admin, recent(owner, points_hold=ours), "B")
    refused(put(admin, recent(owner, points_hold=ours)), 409, "hold_used")
    taken, freed = hold(admin, owner, 100), hold(admin, owner, 100)
    admin.post(f"/points/holds/{taken}/capture", {})
    admin.post(f"/points/holds/{freed}/void", {})
    refused(put(admin, recent(owner, points_hold=taken)), 409, "hold_captured")
    refused(put(admin, recent(owner, points_hold=freed)), 409, "hold_void")
    late = hold(admin, owner, 100, ttl_seconds=60)
    stand_at(NOW + 2 * MINUTE)
    refused(put(admin, recent(owner, points_hold=late)), 409, "hold_expired")
    refused(put(admin, recent(owner, "placed", points_hold=late)), 409, "hold_expired")
    assert admin.get("/orders/web/A1").status_code == 404
    answer = put(admin, recent(owner, points_hold="x"))
    assert answer.json["errors"][0] | {"detail": 0} == {
        "pointer": "/points_hold", "code": "invalid_id", "detail": 0,
    }  # fmt: skip
    assert not check.run()


def test_a_paid_order_cannot_change_its_hold_and_a_placed_one_gives_the_first_free(admin, owner):
    first, second, third = (hold(admin, owner, 1000) for _ in range(3))
    put(admin, recent(owner, "placed", points_hold=first))
    put(admin, recent(owner, "placed", 1, points_hold=second))
    assert (state_of(admin, first), state_of(admin, second)) == ("void", "held")
    put(admin, recent(owner, "paid", 2))
    assert state_of(admin, second) == "captured"
    refused(put(admin, recent(owner, "paid", 3, points_hold=third)), 409, "hold_used")


def test_a_hold_that_ended_before_payment_pays_nothing_unless_it_is_named(admin, owner, stand_at):
    held = hold(admin, owner, ttl_seconds=60)
    put(admin, recent(owner, "placed", points_hold=held))
    stand_at(NOW + 5 * MINUTE)
    refused(put(admin, recent(owner, "paid", 1, points_hold=held)), 409, "hold_expired")
    paid = put(admin, recent(owner, "paid", 1)).json
    assert (paid["points_hold"], paid["tender"]["points"]) == (None, 0)
    assert paid["earned"]["points"] == 250
    assert points(admin, owner) == (10_000, 0, 250, 0)


def test_a_hold_named_after_payment_still_counts(admin, owner):
    put(admin, recent(owner))
    held = hold(admin, owner)
    assert put(admin, recent(owner, minute=1, points_hold=held)).json["earned"]["points"] == 200
    assert points(admin, owner) == (5000, 0, 200, 0)
    assert not check.run()


def test_refunds_give_points_back_pro_rata_and_say_how_much_money_is_left_to_pay(admin, owner):
    held = hold(admin, owner)
    put(admin, recent(owner, points_hold=held, shipping=1000))
    first = refund(admin, "R1", amount=10_000)
    assert first["restored"] == 5000 * 10_000 // 26_000
    assert first["tender"]["restored_value"] == 1923
    assert first["clawed_back"] == 80
    second = refund(admin, "R2", lines=[{"line_no": 1, "quantity": 1}])
    assert second["refunded"] == 20_000
    assert second["restored"] == 5000 * 20_000 // 26_000
    last = refund(admin, "R3", amount=6000)
    assert (last["restored"], last["clawed_back"], last["refunded"]) == (5000, 200, 26_000)
    assert last["tender"]["restored_value"] == 5000
    assert refund(admin, "R3", amount=6000) == last
    assert points(admin, owner) == (10_000, 0, 0, 0)
    assert not check.run()


def test_points_go_back_into_the_lots_they_came_from_with_their_expiry(admin, owner):
    soon = {"member": {"id": str(owner)}, "activity": "custom", "source_key": "soon"}
    soon |= {"points": 3000, "expires_at": stamp(NOW + timedelta(days=30))}
    lot = admin.post("/points/awards", soon).json["lots"][0]
    put(admin, recent(owner, points_hold=hold(admin, owner)))
    assert points(admin, owner)[0] == 8000
    refund(admin, "R", amount=25_000)
    expiring = admin.get(f"/members/{owner}/points").json["expiring"]
    assert {"expires_at": lot["expires_at"], "points": 3000} in expiring
    assert sum(one["points"] for one in expiring) == 13_000


def test_points_of_lots_that_lapsed_follow_the_programme(admin, member, stand_at):
    for policy, left in (("grace", 3000), ("lapse", 0)):
        stand_at(NOW)
        refunds = {"refund": {"restore_lapsed": policy}}
        assert admin.put("/points/programme", refunds).status_code == 200
        owner, number = member(), uuid4().hex
        soon = {"member": {"id": str(owner)}, "activity": "custom", "source_key": number}
        soon |= {"points": 3000, "expires_at": stamp(NOW + timedelta(days=1))}
        admin.post("/points/awards", soon)
        put(admin, recent(owner, points_hold=hold(admin, owner, 3000)), number)
        stand_at(NOW + timedelta(days=3))
        answer = refund(admin, "R", number, amount=25_000)
        assert answer["restored"] == 3000
        assert points(admin, owner)[0] == left
    assert not check.run()


def test_points_given_back_pay_for_what_is_taken_back(admin, owner):
    put(admin, recent(owner, points_hold=hold(admin, owner, 10_000)))
    admin.post("/orders/web/A1/release")
    spend = {"member": {"id": str(owner)}, "points": 100, "reference": "till"}
    assert admin.post("/points/redemptions", spend).status_code == 201
    answer = refund(admin, "R", amount=25_000)
    assert (answer["restored"], answer["clawed_back"], answer["debt"]) == (10_000, 150, 0)
    assert points(admin, owner) == (9900, 0, 0, 0)


def test_a_cancelled_order_gives_all_back_and_takes_it_again_when_it_is_paid_after_all(
    admin, owner
):
    body = recent(owner, points_hold=hold(admin, owner))
    before = put(admin, body).json
    for minute in (1, 3):
        cancelled = put(admin, recent(owner, "cancelled", minute)).json
        assert (cancelled["restored"], cancelled["earned"]["points"]) == (5000, 0)
        assert points(admin, owner)[:2] == (10_000, 0)
        again = put(admin, recent(owner, "paid", minute + 1)).json
        assert again | {"updated_at": 0} == before | {"updated_at": 0}
        assert points(admin, owner) == (5000, 0, 200, 0)
    assert refund(admin, "R", amount=12_500)["restored"] == 2500
    put(admin, recent(owner, "cancelled", 9))
    assert put(admin, recent(owner, "paid", 10)).json["restored"] == 2500
    assert refund(admin, "R2", amount=12_500)["restored"] == 5000
    assert points(admin, owner) == (10_000, 0, 0, 0)
    assert not check.run()


def test_an_order_is_not_paid_again_with_points_that_are_gone(admin, owner):
    put(admin, recent(owner, points_hold=hold(admin, owner)))
    put(admin, recent(owner, "cancelled", 1))
    spend = {"member": {"id": str(owner)}, "points": 6000, "reference": "till"}
    assert admin.post("/points/redemptions", spend).status_code == 201
    answer = put(admin, recent(owner, "paid", 2))
    refused(answer, 422, "insufficient_points")
    assert (answer.json["required"], answer.json["available"]) == (5000, 4000)
    assert admin.get("/orders/web/A1").json["status"] == "cancelled"
    held = hold(admin, owner, 4000)
    paid = put(admin, recent(owner, "paid", 2, points_hold=held)).json
    assert (paid["tender"]["points"], paid["restored"], paid["earned"]["points"]) == (4000, 0, 210)
    assert not check.run()


def test_what_was_reversed_by_hand_is_not_given_back_twice(admin, owner):
    put(admin, recent(owner, points_hold=hold(admin, owner)))
    entries = admin.get(f"/members/{owner}/points/entries").json["data"]
    capture = next(one for one in entries if one["kind"] == "capture")
    path = f"/points/redemptions/{capture['id']}/reverse"
    assert admin.post(path, {"points": 3000}).status_code in (200, 201)
    refund(admin, "R", amount=25_000)
    assert points(admin, owner) == (10_000, 0, 0, 0)
    assert not check.run()


def test_money_that_is_kept_for_missing_points_is_never_more_than_the_refund_pays(admin, owner):
    policy = {"refund": {"shortfall": "deduct_from_refund", "take_other_lots": False}}
    assert admin.put("/points/programme", policy).status_code == 200
    put(admin, recent(owner, points_hold=hold(admin, owner), placed_at=stamp(NOW)))
    admin.post("/orders/web/A1/release")
    answer = refund(admin, "R", amount=25_000)
    assert answer["deduct_from_refund"] == {"points": 0, "value": 0}
    assert answer["refunds"][0]["deduct"] == 0


def test_a_merge_takes_along_what_an_order_was_paid_with(admin, member, owner):
    """The hold of a placed order, and the points that refunds give back."""
    other = member()
    put(admin, recent(owner, points_hold=hold(admin, owner, 4000)))
    put(admin, recent(owner, "placed", points_hold=(held := hold(admin, owner, 2000))), "B")
    merged = admin.post(f"/members/{other}/merge", {"from": {"id": str(owner)}})
    assert merged.status_code == 201, merged.json
    assert points(admin, other)[:2] == (4000, 2000)
    assert put(admin, recent(other, "paid", 1, points_hold=held), "B").json["tender"] == {
        "points": 2000, "value": 2000, "restored_value": 0,
    }  # fmt: skip
    assert points(admin, other)[:2] == (4000, 0)
    assert refund(admin, "R1", amount=12_500)["restored"] == 2000
    assert refund(admin, "R2", amount=12_500)["restored"] == 4000
    assert refund(admin, "R3", "B", amount=25_000)["restored"] == 2000
    assert points(admin, other) == (10_000, 0, 0, 0)
    assert not check.run()
