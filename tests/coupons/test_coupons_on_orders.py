"""Coupons on orders: used once when it is paid, given back when it is undone."""

from datetime import timedelta
from decimal import Decimal

import pytest
from coupon_counters import counters_are_true
from order_bodies import PLACED, order_body, stamp

from crm.coupons import issuing, pool, redemption
from crm.db import transaction

LATER = stamp(PLACED + timedelta(days=1))


@pytest.fixture
def put(admin):
    """Writes an order: `put("A1", body)` → the document."""

    def write(order_no: str, body: dict) -> dict:
        answer = admin.put(f"/orders/web/{order_no}", body)
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return write


@pytest.fixture
def refund(admin):
    def write(order_no: str, amount: int) -> dict:
        body = {"refunded_at": LATER, "amount": amount}
        answer = admin.put(f"/orders/web/{order_no}/refunds/R{amount}", body)
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return write


@pytest.fixture
def early(give):
    """Gives coupons in time for `PLACED`."""

    def issue(template_id, member_id, **more):
        return give(template_id, member_id, now=PLACED - timedelta(days=1), **more)

    return issue


def told(order: dict) -> list[tuple[str, str, list[str]]]:
    return [
        (one["code"], one["state"], [reason["code"] for reason in one["reasons"]])
        for one in order["coupons"]
    ]


def test_a_paid_order_uses_its_coupon_once_however_often_it_is_written(
    template, early, person, put, row
):
    member = person()
    code = early(template(), member)
    body = order_body(member, coupons=[code.lower()], discount=2000)
    first = put("A1", body)
    assert told(first) == [(code, "used", [])]
    assert first["coupon_discount"] == {"expected": 2000, "given": 2000, "tender": 0}
    assert put("A1", body) == first
    assert (
        put("A1", body | {"status": "delivered", "updated_at": LATER})["coupons"]
        == (first["coupons"])
    )
    used = row(code)
    assert (used.state, used.used_channel, used.used_order_no) == ("used", "web", "A1")
    assert (used.used_member, used.value_used) == (member, 2000)
    counters_are_true()


def test_the_second_order_is_saved_and_its_coupon_refused(template, early, person, put):
    member = person()
    code = early(template(), member)
    put("A1", order_body(member, coupons=[code]))
    second = put("A2", order_body(member, coupons=[code]))
    assert told(second) == [(code, "refused", ["already_used"])]
    assert (second["earned"]["points"], second["coupon_discount"]["expected"]) == (250, 0)
    counters_are_true()


def test_a_placed_order_keeps_its_coupon_and_uses_it_once_paid(template, early, person, put, row):
    member = person()
    code = early(template(), member)
    body = order_body(member, coupons=[code], status="placed", paid_at=None)
    assert told(put("A1", body)) == [(code, "reserved", [])]
    rival = put("A2", order_body(member, coupons=[code]))
    assert told(rival) == [(code, "refused", ["reserved_elsewhere"])]
    paid = put("A1", body | {"status": "paid", "updated_at": LATER})
    assert told(paid) == [(code, "used", [])]
    counters_are_true()


def test_an_order_takes_what_a_cart_has_reserved(template, early, person, put, now):
    code = early(template(), person())
    with transaction():
        redemption.reserve(code, redemption.Asked(at=now, reference="cart-1"), now=now)
    assert told(put("A1", order_body(coupons=[code]))) == [(code, "used", [])]


@pytest.mark.parametrize("status", ["placed", "paid"])
def test_a_cancelled_order_gives_its_coupon_back(template, early, person, put, row, status):
    member = person()
    code = early(template(), member)
    body = order_body(member, coupons=[code], status=status)
    put("A1", body)
    gone = put("A1", body | {"status": "cancelled", "updated_at": LATER})
    assert told(gone) == [(code, "returned", [])]
    assert (row(code).state, row(code).value_used) == ("issued", 0)
    counters_are_true()
    assert told(put("A2", order_body(member, coupons=[code]))) == [(code, "used", [])]
    again = put("A1", body | {"status": "paid", "updated_at": stamp(PLACED + timedelta(days=2))})
    assert told(again) == [(code, "refused", ["already_used"])]


def test_a_full_refund_gives_the_coupon_back_and_a_partial_one_does_not(
    template, early, person, put, refund, row
):
    member = person()
    code = early(template(), member)
    body = order_body(member, coupons=[code])
    put("A1", body)
    assert told(refund("A1", 10000)) == [(code, "used", [])]
    assert told(refund("A1", 15000)) == [(code, "returned", [])]
    assert row(code).state == "issued"
    assert told(put("A1", body | {"updated_at": LATER})) == [(code, "returned", [])]
    assert row(code).state == "issued"
    counters_are_true()


def test_a_template_may_keep_coupons_of_refunded_orders(template, early, person, put, refund, row):
    member = person()
    code = early(template(returns_on_refund=False), member)
    put("A1", order_body(member, coupons=[code]))
    assert told(refund("A1", 25000)) == [(code, "used", [])]
    assert row(code).state == "used"


def test_a_refund_that_came_first_ends_the_same(template, early, person, put, admin, row):
    member = person()
    comes_back, stays = early(template(), member), early(template(returns_on_refund=False), member)
    body = {"refunded_at": LATER, "amount": 25000}
    assert admin.put("/orders/web/A1/refunds/R1", body).status_code == 202
    found = put("A1", order_body(member, coupons=[comes_back, stays]))
    assert [one["state"] for one in found["coupons"]] == ["returned", "used"]
    assert (row(comes_back).state, row(stays).state) == ("issued", "used")
    counters_are_true()


def test_a_write_that_names_no_coupons_leaves_them_and_one_that_names_others_changes_them(
    template, early, person, put, row
):
    member = person()
    first, second = early(template(), member), early(template(), member)
    body = order_body(member)
    put("A1", body | {"coupons": [first]})
    assert told(put("A1", body)) == [(first, "used", [])]
    assert told(put("A1", body | {"coupons": [second]})) == [(second, "used", [])]
    assert row(first).state == "issued"
    assert put("A1", body | {"coupons": []})["coupons"] == []
    assert row(second).state == "issued"
    counters_are_true()


def test_an_order_is_saved_whatever_its_coupons_are(template, early, person, put, give, now):
    member, other = person(), person()
    foreign, late = early(template(), other), give(template(valid_days=0), other, now=now)
    expired = early(template(valid_days=0), member, occasion="x")
    found = put("A1", order_body(member, coupons=[foreign, "NOSUCHCODE", expired]))
    assert told(found) == [
        (foreign, "refused", ["wrong_member", "not_stackable"]),
        ("NOSUCHCODE", "refused", ["coupon_not_found"]),
        (expired, "refused", ["coupon_expired", "not_stackable"]),
    ]
    assert found["earned"]["points"] == 250
    assert told(put("A2", order_body(coupons=[late]))) == [(late, "used", [])]
    counters_are_true()


def test_what_the_shop_decides_by_its_price_is_told_and_the_coupon_is_used(
    template, early, person, put
):
    member = person()
    code = early(template(min_basis=30000), member)
    found = put("A1", order_body(member, coupons=[code], discount=2000))
    assert told(found) == [(code, "used", ["min_basis_not_met"])]
    assert found["coupons"][0]["reasons"][0]["missing"] == 5000
    assert found["coupon_discount"] == {"expected": 0, "given": 2000, "tender": 0}


def test_coupons_together_take_off_one_after_the_other(template, early, person, put):
    member = person()
    half = early(template(kind="percent", value=50, stackable=True), member)
    ten = early(template(value=1000, stackable=True), member)
    found = put("A1", order_body(member, coupons=[half, ten], discount=13500))
    assert [one["discount"] for one in found["coupons"]] == [12500, 1000]
    assert found["coupon_discount"] == {"expected": 13500, "given": 13500, "tender": 0}


def test_a_coupon_bought_with_points_earns_nothing_where_it_paid(template, early, person, put):
    member = person()
    bought = early(template(value=5000), member, bought_with_points=True)
    found = put("A1", order_body(member, coupons=[bought]))
    assert found["coupon_discount"] == {"expected": 5000, "given": 0, "tender": 5000}
    assert found["earned"]["points"] == 200
    shown = early(template(value=5000), member, bought_with_points=True)
    found = put("A2", order_body(member, coupons=[shown], discount=5000))
    assert (found["coupon_discount"]["tender"], found["earned"]["points"]) == (0, 200)


def test_a_coupon_that_was_given_lets_its_order_earn_in_full(template, early, person, put):
    member = person()
    code = early(template(value=5000), member)
    assert put("A1", order_body(member, coupons=[code]))["earned"]["points"] == 250


def test_a_coupon_multiplies_the_points_of_its_goods(template, early, person, put, refund):
    member = person()
    all_goods = early(template(kind="points_multiplier", factor=Decimal("1.5")), member)
    tea = early(template(kind="points_multiplier", value=2, skus=["T1"]), member)
    assert put("A1", order_body(member, coupons=[all_goods]))["earned"]["points"] == 375
    found = put("A2", order_body(member, coupons=[tea]))
    assert found["earned"]["points"] == 450
    share = found["earned"]["breakdown"][-1]
    assert (share["kind"], share["rule_id"], share["name"]) == ("multiplier", None, "Spring")
    assert share["points"] == "200"
    assert refund("A2", 25000)["earned"]["points"] == 0
    assert put("A3", order_body(member, coupons=[tea]))["earned"]["points"] == 450


def test_the_explanation_names_the_coupon_among_what_gave_points(
    template, early, person, put, admin
):
    kind, member = template(kind="points_multiplier", value=3), person()
    put("A1", order_body(member, coupons=[early(kind, member)]))
    found = admin.get("/orders/web/A1/points").get_json()
    share = next(one for one in found["applied"] if one["coupon_template"])
    assert (share["coupon_template"], share["rule_id"]) == (str(kind), None)
    assert (share["points"], share["factor"]) == ("500", "3")
    assert found["not_applied"] == []


def test_a_coupon_named_later_counts_from_then_on(template, early, person, put):
    member = person()
    code = early(template(kind="points_multiplier", value=2), member)
    assert put("A1", order_body(member))["earned"]["points"] == 250
    later = order_body(member, coupons=[code], updated_at=LATER)
    assert put("A1", later)["earned"]["points"] == 500


def test_a_batch_uses_each_coupon_for_the_first_order_that_names_it(
    template, early, person, admin, now
):
    member, kind = person(), template()
    codes = [early(kind, member) for _ in range(3)]
    batch = [
        order_body(member, coupons=[code], channel="web", order_no=f"B{place}")
        for place, code in enumerate([*codes, codes[0], codes[1]])
    ]
    answer = admin.post("/orders/batch", batch).get_json()
    assert answer["refused"] == 0
    states = [
        admin.get(f"/orders/web/B{place}").get_json()["coupons"][0]["state"] for place in range(5)
    ]
    assert states == ["used", "used", "used", "refused", "refused"]
    counters_are_true()


def test_codes_of_a_pool_on_a_guests_order(template, put, now, row):
    kind = template(stock=1)
    with transaction():
        first, second = pool.generate(kind, 2, now=now).codes
    assert told(put("A1", order_body(coupons=[first]))) == [(first, "used", [])]
    assert told(put("A2", order_body(coupons=[second]))) == [(second, "refused", ["stock_empty"])]
    counters_are_true()


def test_a_guests_order_that_is_claimed_keeps_its_coupon_and_earns_by_it(
    template, early, person, put, admin
):
    member = person()
    code = early(template(kind="points_multiplier", value=2), member)
    put("A1", order_body(coupons=[code]))
    body = {"member": {"id": str(member)}}
    found = admin.post("/orders/web/A1/claim", body).get_json()
    assert told(found) == [(code, "used", [])]
    assert found["earned"]["points"] == 500


def test_what_was_used_at_the_till_before_is_the_orders_own(template, early, person, put, admin):
    member = person()
    code = early(template(), member)
    body = {"channel": "web", "order_no": "A1"}
    assert admin.post(f"/coupons/{code}/use", body).status_code == 200
    found = put("A1", order_body(member, coupons=[code]))
    assert told(found) == [(code, "used", [])]
    counters_are_true()


@pytest.mark.parametrize(
    ("coupons", "place"),
    [
        ("ABCD2345EF", "/coupons"),
        ([1], "/coupons/0"),
        (["?"], "/coupons/0"),
        ([f"CODE{n}" for n in range(21)], "/coupons"),
    ],
)
def test_codes_that_can_not_be_are_refused_by_place(admin, coupons, place):
    answer = admin.put("/orders/web/A1", order_body(coupons=coupons))
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == place


def test_the_budget_holds_whatever_orders_say(template, put, person, now):
    kind = template(kind="percent", value=50, budget=15000)
    outcomes = []
    for number in range(3):
        member = person()
        with transaction():
            given = issuing.issue(
                kind, member, occasion=None, now=PLACED, source=("test", "1")
            ).code
        found = put(f"A{number}", order_body(member, coupons=[given]))
        outcomes += [(one["state"], one["discount"]) for one in found["coupons"]]
    assert outcomes == [("used", 12500), ("refused", 12500), ("refused", 12500)]
    counters_are_true()
