"""Orders over HTTP: whole writes, any order of arrival, points and tiers in the same commit."""

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from order_bodies import PLACED, order_body, stamp

from crm.orders import jobs
from crm.points import check

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def owner(member):
    return member()


def put(admin, number, body):
    return admin.put(f"/orders/web/{number}", body)


def test_a_paid_order_earns_by_the_default_programme(admin, owner):
    answer = put(admin, "A1", order_body(owner))
    assert answer.status_code == 200, answer.json
    earned = answer.json["earned"]
    assert (earned["points"], earned["state"]) == (250, "available")
    assert earned["breakdown"][0]["kind"] == "rate"
    balance = admin.get(f"/members/{owner}/points").json
    assert (balance["available"], balance["lifetime_earned"]) == (250, 250)


def test_writing_an_order_again_changes_nothing(admin, owner):
    first = put(admin, "A1", order_body(owner)).json
    assert put(admin, "A1", order_body(owner)).json == first
    assert len(admin.get(f"/members/{owner}/points/entries").json["data"]) == 1


def test_an_older_write_never_overwrites_a_newer_one(admin, owner):
    put(admin, "A1", order_body(owner, status="fulfilled"))
    older = order_body(owner, status="placed", updated_at=stamp(PLACED))
    answer = put(admin, "A1", older)
    assert answer.json["status"] == "fulfilled"
    assert answer.json["stale"] is True


def test_undelivered_points_wait_for_the_fallback_and_delivery_brings_them_forward(admin, owner):
    recent = NOW - timedelta(days=1)
    body = order_body(owner, placed_at=stamp(recent), paid_at=stamp(recent))
    body["updated_at"] = stamp(recent)
    earned = put(admin, "A1", body).json["earned"]
    assert earned["state"] == "pending"
    assert earned["available_at"] == stamp(recent + timedelta(days=15))
    delivered = recent + timedelta(hours=5)
    body |= {"status": "delivered", "delivered_at": stamp(delivered), "updated_at": stamp(NOW)}
    earned = put(admin, "A1", body).json["earned"]
    assert earned["available_at"] == stamp(delivered + timedelta(days=7))
    balance = admin.get(f"/members/{owner}/points").json
    assert balance["pending_release"][0]["points"] == 250
    later = stamp(delivered + timedelta(days=7))
    assert admin.get(f"/members/{owner}/points?as_of={later}").json["available"] == 250


def test_a_cancelled_order_takes_its_points_back(admin, owner):
    put(admin, "A1", order_body(owner))
    body = order_body(owner, status="cancelled", updated_at=stamp(NOW))
    answer = put(admin, "A1", body).json
    assert answer["earned"]["points"] == 0
    assert answer["clawed_back"] == 250
    balance = admin.get(f"/members/{owner}/points").json
    assert (balance["available"], balance["debt"]) == (0, 0)
    assert not check.run()


def test_points_given_again_do_not_appear_in_the_past(admin, owner):
    for hour, status in enumerate(("paid", "cancelled", "paid"), start=2):
        at = stamp(PLACED + timedelta(hours=hour))
        put(admin, "A1", order_body(owner, status=status, updated_at=at))
    at = stamp(PLACED + timedelta(hours=1))
    assert admin.get(f"/members/{owner}/points?as_of={at}").json["pending"] == 250
    assert admin.get(f"/members/{owner}/points").json["available"] == 250


def test_an_order_of_points_already_spent_leaves_a_debt_that_the_next_points_pay(admin, owner):
    put(admin, "A1", order_body(owner))
    spent = {"member": {"id": str(owner)}, "points": 200, "reference": "till"}
    assert admin.post("/points/redemptions", spent).status_code == 201
    put(admin, "A1", order_body(owner, status="cancelled", updated_at=stamp(NOW)))
    assert admin.get(f"/members/{owner}/points").json["debt"] == 200
    put(admin, "A2", order_body(owner))
    balance = admin.get(f"/members/{owner}/points").json
    assert (balance["available"], balance["debt"]) == (50, 0)
    assert not check.run()


def test_every_order_of_arrival_of_an_order_and_its_refunds_ends_in_one_state(admin, member):
    created = order_body(status="placed", updated_at=stamp(PLACED))
    created.pop("paid_at")
    part = {
        "refunded_at": stamp(PLACED + timedelta(days=1)),
        "lines": [{"line_no": 1, "quantity": 1}],
    }
    full = {"refunded_at": stamp(PLACED + timedelta(days=2)), "amount": 15000}
    ends = set()
    for order in permutations(("created", "paid", "part", "full")):
        owner, number = member(), uuid4().hex
        who = {"member": {"id": str(owner)}}
        steps = {
            "created": ("", created | who),
            "paid": ("", order_body(owner)),
            "part": ("/refunds/R1", part),
            "full": ("/refunds/R2", full),
        }
        for step in order:
            path, body = steps[step]
            answer = admin.put(f"/orders/web/{number}{path}", body)
            assert answer.status_code in (200, 202), answer.json
        final = admin.get(f"/orders/web/{number}").json
        points = admin.get(f"/members/{owner}/points").json
        history = admin.get(f"/members/{owner}/points/entries").json["data"]
        ends.add(
            (
                final["status"], final["refunded"], final["net"], final["earned"]["points"],
                final["clawed_back"], points["available"], points["pending"], points["debt"],
                points["lifetime_earned"], sum(entry["points"] for entry in history),
            )
        )  # fmt: skip
    assert ends == {("paid", 25000, 0, 0, 250, 0, 0, 0, 250, 0)}
    assert not check.run()


def test_an_order_in_another_currency_is_refused_by_name(admin, owner):
    answer = put(admin, "A1", order_body(owner, currency="USD"))
    assert (answer.status_code, answer.json["code"]) == (422, "currency_mismatch")
    assert answer.json["errors"][0]["pointer"] == "/currency"


def test_an_unknown_member_is_refused_and_nothing_is_kept(admin):
    answer = put(admin, "A1", order_body(uuid4()))
    assert (answer.status_code, answer.json["code"]) == (404, "member_not_found")
    assert admin.get("/orders/web/A1").status_code == 404


def test_an_order_cannot_move_to_another_member(admin, member):
    put(admin, "A1", order_body(member()))
    answer = put(admin, "A1", order_body(member(), updated_at=stamp(NOW)))
    assert (answer.status_code, answer.json["code"]) == (409, "order_has_another_member")


def test_a_guest_order_earns_once_a_member_is_named(admin, owner):
    assert put(admin, "A1", order_body()).json["earned"]["state"] == "none"
    answer = put(admin, "A1", order_body(owner, updated_at=stamp(NOW)))
    assert answer.json["earned"]["points"] == 250


def test_a_spend_of_the_threshold_lifts_the_tier_and_the_next_order_earns_by_it(admin, owner):
    body = order_body(owner)
    body["lines"] = [
        {"line_no": 1, "sku": "T1", "name": "Tea", "quantity": 1, "unit_price": 100000}
    ]
    put(admin, "A1", body)
    later = PLACED + timedelta(hours=1)
    second = order_body(
        owner, placed_at=stamp(later), paid_at=stamp(later), updated_at=stamp(later)
    )
    earned = put(admin, "A2", second).json["earned"]
    assert earned["points"] == 300  # 250 × 1.2, silver
    assert {share["kind"] for share in earned["breakdown"]} == {"rate", "tier"}


def test_a_full_refund_lets_the_tier_fall_back(admin, owner):
    body = order_body(owner)
    body["lines"][0]["unit_price"] = 100000
    put(admin, "A1", body)
    refund = {"refunded_at": stamp(NOW), "amount": 205000}
    answer = admin.put("/orders/web/A1/refunds/R1", refund).json
    assert (answer["refunded"], answer["net"], answer["clawed_back"]) == (205000, 0, 2050)
    later = NOW + timedelta(minutes=1)
    second = order_body(
        owner, placed_at=stamp(later), paid_at=stamp(later), updated_at=stamp(later)
    )
    assert put(admin, "A2", second).json["earned"]["points"] == 250


def test_a_refund_is_written_once_and_its_number_stands_for_it(admin, owner):
    put(admin, "A1", order_body(owner))
    refund = {"refunded_at": stamp(NOW), "amount": 5000}
    first = admin.put("/orders/web/A1/refunds/R1", refund)
    assert admin.put("/orders/web/A1/refunds/R1", refund).json == first.json
    other = admin.put("/orders/web/A1/refunds/R1", refund | {"amount": 1})
    assert (other.status_code, other.json["code"]) == (409, "refund_no_used")


def test_refunds_beyond_what_was_paid_are_refused(admin, owner):
    put(admin, "A1", order_body(owner))
    answer = admin.put("/orders/web/A1/refunds/R1", {"refunded_at": stamp(NOW), "amount": 25001})
    assert (answer.status_code, answer.json["code"]) == (422, "refund_exceeds_paid")
    assert answer.json["refundable"] == 25000


def test_a_refund_before_its_order_waits_for_it(admin, owner):
    refund = {"refunded_at": stamp(NOW), "amount": 5000}
    answer = admin.put("/orders/web/A1/refunds/R1", refund)
    assert (answer.status_code, answer.json["state"]) == (202, "held")
    assert put(admin, "A1", order_body(owner)).json["net"] == 20000


def test_a_batch_saves_what_is_good_and_says_what_is_not(admin, owner):
    good = order_body(owner) | {"channel": "web", "order_no": "B1"}
    bad = order_body(owner, currency="USD") | {"channel": "web", "order_no": "B2"}
    wrong = {"channel": "web", "order_no": "B3", "lines": []}
    answer = admin.post("/orders/batch", [good, bad, wrong, 7], idem="batch-1")
    assert answer.status_code == 200
    results = answer.json["results"]
    assert [item["status"] for item in results] == [200, 422, 422, 422]
    assert results[0]["points"] == 250
    assert results[1]["problem"]["code"] == "currency_mismatch"
    assert {error["pointer"] for error in results[2]["problem"]["errors"]} >= {"/lines", "/status"}
    again = admin.post("/orders/batch", [good, bad, wrong, 7], idem="batch-1")
    assert again.data == answer.data
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_batch_may_come_as_lines_of_json(admin, owner):
    lines = [order_body(owner) | {"channel": "web", "order_no": f"N{n}"} for n in range(3)]
    body = "\n".join(json.dumps(line) for line in lines)
    answer = admin.client.post(
        "/api/v1/orders/batch",
        data=body,
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {admin.key}", "Idempotency-Key": "nd"},
    )
    assert answer.json["saved"] == 3


def test_the_same_order_twice_in_one_batch_is_written_twice_in_turn(admin, owner):
    first = order_body(owner, status="placed") | {"channel": "web", "order_no": "D1"}
    second = order_body(owner, updated_at=stamp(NOW)) | {"channel": "web", "order_no": "D1"}
    results = admin.post("/orders/batch", [first, second]).json["results"]
    assert [item["points"] for item in results] == [0, 250]


def test_a_members_orders_are_listed_newest_first_in_pages(admin, owner):
    for hour in range(3):
        at = stamp(PLACED + timedelta(hours=hour))
        put(admin, f"L{hour}", order_body(owner, placed_at=at, paid_at=at, updated_at=at))
    page = admin.get(f"/members/{owner}/orders?limit=2").json
    assert [order["order_no"] for order in page["data"]] == ["L2", "L1"]
    rest = admin.get(f"/members/{owner}/orders?limit=2&cursor={page['next_cursor']}").json
    assert [order["order_no"] for order in rest["data"]] == ["L0"]
    assert rest["next_cursor"] is None


POINTS_LADDER = {
    "tiers": [
        {"code": "new", "name": {"en": "New"}, "qualify": {"any": []}, "multiplier": "1"},
        {
            "code": "star",
            "name": {"en": "Star"},
            "qualify": {"any": [{"metric": "points_earned", "at_least": 300}]},
            "multiplier": "2",
        },
    ]
}


def test_a_tier_by_points_counts_the_points_of_the_order_in_hand(admin, owner):
    assert admin.put("/tiers", POINTS_LADDER).status_code == 200
    body = order_body(owner, placed_at=stamp(NOW), paid_at=stamp(NOW), updated_at=stamp(NOW))
    body["lines"][0]["unit_price"] = 15000
    put(admin, "A1", body)
    assert admin.get(f"/members/{owner}/tier").json["tier"]["code"] == "star"


def test_awarded_points_lift_a_member_when_tiers_are_reviewed(admin, owner):
    admin.put("/tiers", POINTS_LADDER)
    award = {"member": {"id": str(owner)}, "activity": "custom", "source_key": "x", "points": 300}
    admin.post("/points/awards", award)
    jobs.review(datetime.now(UTC))
    assert admin.get(f"/members/{owner}/tier").json["tier"]["code"] == "star"
