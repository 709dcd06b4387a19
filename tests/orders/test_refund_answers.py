"""What a refund answers: money, points taken back, debt, and what the shop may keep of it."""

from datetime import UTC, datetime, timedelta

import pytest
from order_bodies import PLACED, order_body, stamp

from crm.points import check

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
EPOCH = "1970-01-01T00:00:00Z"
DELIVERED = {"status": "delivered", "delivered_at": stamp(PLACED + timedelta(days=1))}


@pytest.fixture
def owner(member, stand_at):
    stand_at(NOW)
    return member()


@pytest.fixture
def policy(admin):
    """Sets the refund policy since for ever, before anybody has points."""

    def change(**refund):
        body = {"refund": refund, "effective_at": EPOCH}
        assert admin.put("/points/programme", body).status_code == 200

    return change


def bought(admin, owner, number="A1", **more):
    """An order of 250.00 whose 250 points are spendable."""
    answer = admin.put(f"/orders/web/{number}", order_body(owner, **DELIVERED, **more))
    assert answer.json["earned"]["state"] == "available", answer.json


def spend(admin, owner, points):
    body = {"member": {"id": str(owner)}, "points": points, "reference": "till"}
    answer = admin.post("/points/redemptions", body)
    assert answer.status_code == 201, answer.json


def refund(admin, number, amount, name="A1"):
    answer = admin.put(
        f"/orders/web/{name}/refunds/{number}", {"refunded_at": stamp(NOW), "amount": amount}
    )
    assert answer.status_code == 200, answer.json
    return answer.json


def told(order):
    deduct = order["deduct_from_refund"]
    return (
        order["refunded"], order["clawed_back"], order["debt"], order["let_go"],
        deduct["points"], deduct["value"],
    )  # fmt: skip


def balance(admin, owner):
    found = admin.get(f"/members/{owner}/points").json
    return found["available"], found["debt"]


def test_what_is_short_becomes_a_debt(admin, owner):
    bought(admin, owner)
    spend(admin, owner, 200)
    assert told(refund(admin, "R1", 10000)) == (10000, 100, 50, 0, 0, 0)
    assert told(refund(admin, "R2", 15000)) == (25000, 250, 200, 0, 0, 0)
    assert balance(admin, owner) == (0, 200)
    assert not check.run()


def test_other_lots_pay_before_a_debt_if_the_programme_takes_them(admin, owner):
    bought(admin, owner)
    bought(admin, owner, "A2")
    spend(admin, owner, 200)
    assert told(refund(admin, "R1", 25000))[:3] == (25000, 250, 0)
    assert balance(admin, owner) == (50, 0)
    assert not check.run()


def test_other_lots_are_left_alone_if_the_programme_says_so(admin, owner, policy):
    policy(take_other_lots=False)
    bought(admin, owner)
    bought(admin, owner, "A2")
    spend(admin, owner, 200)
    assert told(refund(admin, "R1", 25000))[:3] == (25000, 250, 200)
    lots = admin.get(f"/members/{owner}/points/entries").json["data"][0]["lots"]
    assert [lot["points"] for lot in lots] == [-50]
    assert balance(admin, owner) == (50, 0)  # readings set a debt off against what is spendable
    assert not check.run()


def test_at_zero_the_rest_is_let_go_and_never_asked_for_again(admin, owner, policy):
    policy(shortfall="floor_at_zero", take_other_lots=False)
    bought(admin, owner)
    spend(admin, owner, 200)
    assert told(refund(admin, "R1", 10000)) == (10000, 50, 0, 50, 0, 0)
    bought(admin, owner, "A2")
    assert told(refund(admin, "R2", 15000)) == (25000, 50, 0, 200, 0, 0)
    assert balance(admin, owner) == (250, 0)
    assert not check.run()


def test_the_shop_keeps_of_each_refund_what_the_missing_points_are_worth(admin, owner, policy):
    policy(shortfall="deduct_from_refund", take_other_lots=False)
    bought(admin, owner)
    spend(admin, owner, 200)
    first = refund(admin, "R1", 10000)
    assert told(first) == (10000, 50, 0, 0, 50, 50)
    second = refund(admin, "R2", 15000)
    assert told(second) == (25000, 50, 0, 0, 200, 200)
    assert [one["deduct"] for one in second["refunds"]] == [50, 150]
    assert refund(admin, "R2", 15000) == second
    assert admin.get("/orders/web/A1").json == second
    assert balance(admin, owner) == (0, 0)
    assert not check.run()


def test_the_shop_never_keeps_more_than_it_refunds(admin, owner, policy):
    rate = {"points_per_step": 1, "value_per_step": 1000, "min_points": 1}
    body = {"redemption": rate, "effective_at": EPOCH}
    assert admin.put("/points/programme", body).status_code == 200
    policy(shortfall="deduct_from_refund", take_other_lots=False)
    bought(admin, owner)
    spend(admin, owner, 250)
    assert told(refund(admin, "R1", 100))[4:] == (1, 100)
    assert told(refund(admin, "R2", 200))[4:] == (3, 300)


def test_refunds_that_waited_share_what_is_kept(admin, owner, policy):
    policy(shortfall="deduct_from_refund", take_other_lots=False)
    admin.put("/orders/web/A1/refunds/R1", {"refunded_at": stamp(NOW), "amount": 10000})
    admin.put("/orders/web/A1/refunds/R2", {"refunded_at": stamp(NOW), "amount": 15000})
    answer = admin.put("/orders/web/A1", order_body(owner, **DELIVERED)).json
    assert told(answer) == (25000, 250, 0, 0, 0, 0)  # the points had not been spent


def test_a_cancellation_says_what_the_shop_may_keep(admin, owner, policy):
    policy(shortfall="deduct_from_refund", take_other_lots=False)
    bought(admin, owner)
    spend(admin, owner, 200)
    body = order_body(owner, status="cancelled", updated_at=stamp(NOW))
    answer = admin.put("/orders/web/A1", body).json
    assert told(answer) == (0, 50, 0, 0, 200, 200)
    body["updated_at"] = stamp(NOW + timedelta(hours=1))
    assert told(admin.put("/orders/web/A1", body).json) == told(answer)


@pytest.mark.parametrize("shortfall", ["debt", "floor_at_zero", "deduct_from_refund"])
def test_an_order_paid_again_after_its_cancellation_is_as_it_was(admin, owner, policy, shortfall):
    policy(shortfall=shortfall, take_other_lots=False)
    bought(admin, owner)
    spend(admin, owner, 200)
    before = admin.get("/orders/web/A1").json
    for hour, status in enumerate(("cancelled", "delivered", "cancelled", "delivered")):
        body = order_body(owner) | DELIVERED
        body |= {"status": status, "updated_at": stamp(NOW + timedelta(hours=hour))}
        after = admin.put("/orders/web/A1", body).json
    assert after | {"updated_at": None} == before | {"updated_at": None}
    assert balance(admin, owner) == (50, 0)
    assert not check.run()


def test_points_of_all_lots_of_the_order_are_taken_before_others(admin, owner):
    bought(admin, owner, "A0")
    bought(admin, owner)
    more = order_body(owner, updated_at=stamp(NOW)) | DELIVERED
    more["lines"][1]["unit_price"] = 10000
    assert admin.put("/orders/web/A1", more).json["earned"]["points"] == 300
    assert told(refund(admin, "R1", 30000)) == (30000, 300, 0, 0, 0, 0)
    taken = admin.get(f"/members/{owner}/points/entries").json["data"]
    assert [(one["kind"], one["points"]) for one in taken[:2]] == [
        ("clawback", -50), ("clawback", -250),
    ]  # fmt: skip
    assert balance(admin, owner) == (250, 0)


def test_orders_of_nothing_and_refunds_of_nothing_are_told_exactly(admin, owner):
    free = order_body(owner)
    for line in free["lines"]:
        line["unit_price"] = 0
    admin.put("/orders/web/A1", free | {"shipping": 1000})
    answer = refund(admin, "R1", 0)
    assert told(answer) == (0, 0, 0, 0, 0, 0)
    answer = refund(admin, "R2", 1000)
    assert (told(answer), answer["net"]) == ((1000, 0, 0, 0, 0, 0), 0)
    admin.put("/orders/web/A2", free)
    lines = {"refunded_at": stamp(NOW), "lines": [{"line_no": 1, "quantity": 2}]}
    assert told(admin.put("/orders/web/A2/refunds/R", lines).json) == (0, 0, 0, 0, 0, 0)
    bought(admin, owner, "A3")
    assert told(refund(admin, "R0", 0, "A3")) == (0, 0, 0, 0, 0, 0)
    assert [one["kind"] for one in admin.get(f"/members/{owner}/points/entries").json["data"]] == [
        "earn"
    ]


def test_a_refund_of_shipping_alone_takes_no_points(admin, owner):
    bought(admin, owner, shipping=1200)
    lines = [{"line_no": 1, "quantity": 2}, {"line_no": 2, "quantity": 1}]
    body = {"refunded_at": stamp(NOW), "lines": lines}
    assert told(admin.put("/orders/web/A1/refunds/R1", body).json)[:2] == (25000, 250)
    assert told(refund(admin, "R2", 1200))[:2] == (26200, 250)


def test_the_policy_is_that_of_the_programme_in_force_when_the_order_was_placed(admin, owner):
    bought(admin, owner)
    spend(admin, owner, 200)
    body = {"refund": {"shortfall": "floor_at_zero"}}
    assert admin.put("/points/programme", body).status_code == 200
    assert told(refund(admin, "R1", 25000)) == (25000, 250, 200, 0, 0, 0)


def test_tax_is_taken_off_the_basis_if_the_programme_leaves_it_out(admin, owner):
    basis = {"basis": {"include_tax": False}, "effective_at": EPOCH}
    assert admin.put("/points/programme", basis).status_code == 200
    bought(admin, owner, tax=5000)
    assert admin.get("/orders/web/A1").json["earned"]["points"] == 200
    assert told(refund(admin, "R1", 12500))[:2] == (12500, 100)
    more = order_body(owner, tax=25000, updated_at=stamp(NOW)) | DELIVERED
    assert admin.put("/orders/web/A1", more).json["earned"]["granted"] == 0


def test_tax_beyond_the_goods_is_refused_by_name(admin, owner):
    answer = admin.put("/orders/web/A1", order_body(owner, tax=25001, shipping=900))
    assert (answer.status_code, answer.json["code"]) == (422, "tax_too_large")
    assert (answer.json["most"], answer.json["errors"][0]["pointer"]) == (25000, "/tax")
    asked = {"member": {"id": str(owner)}, "order": {"lines": order_body()["lines"], "tax": 25001}}
    answer = admin.post("/points/quote", asked)
    assert (answer.json["code"], answer.json["errors"][0]["pointer"]) == (
        "tax_too_large", "/order/tax",
    )  # fmt: skip


def test_a_quote_without_tax_is_what_the_order_then_earns(admin, owner):
    basis = {"basis": {"include_tax": False}, "effective_at": EPOCH}
    admin.put("/points/programme", basis)
    lines = order_body()["lines"]
    asked = {"member": {"id": str(owner)}, "order": {"lines": lines, "tax": 4990}}
    quoted = admin.post("/points/quote", asked).json["earn"]["points"]
    earned = admin.put("/orders/web/A1", order_body(owner, tax=4990)).json["earned"]["points"]
    assert quoted == earned == 200
