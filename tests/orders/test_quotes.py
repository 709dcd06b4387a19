"""A quote says what an order would bring, and writes nothing."""

from datetime import UTC, datetime

import pytest
from order_bodies import order_body

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
CART = {
    "lines": [
        {"line_no": 1, "sku": "T1", "name": "Tea", "quantity": 2, "unit_price": 10000},
        {"line_no": 2, "sku": "C1", "name": "Cup", "quantity": 1, "unit_price": 5000},
    ]
}


@pytest.fixture
def owner(member):
    return member()


def ask(admin, owner, cart=None, **more):
    body = {"member": {"id": str(owner)}, "order": cart or CART} | more
    return admin.post("/points/quote", body)


def test_a_quote_earns_what_the_order_then_earns(admin, owner):
    quoted = ask(admin, owner).json["earn"]
    earned = admin.put("/orders/web/Q1", order_body(owner)).json["earned"]
    assert quoted["points"] == earned["points"] == 250
    assert quoted["breakdown"] == earned["breakdown"]


def test_a_quote_writes_nothing(admin, owner):
    before = admin.get(f"/members/{owner}/points").json
    ask(admin, owner)
    after = admin.get(f"/members/{owner}/points").json
    assert before | {"as_of": None} == after | {"as_of": None}
    assert admin.get(f"/members/{owner}/points/entries").json["data"] == []


def test_points_may_pay_for_half_of_the_basis_in_whole_steps(admin, owner):
    award = {"member": {"id": str(owner)}, "activity": "custom", "source_key": "x"}
    admin.post("/points/awards", award | {"points": 20_050})
    found = ask(admin, owner).json["redeem"]
    assert (found["max_points"], found["max_value"]) == (12_500, 12_500)
    small = {"lines": [CART["lines"][1] | {"unit_price": 199}]}
    assert ask(admin, owner, small).json["redeem"]["max_points"] == 0


def test_the_tier_after_counts_the_order_in_hand(admin, owner):
    large = {"lines": [CART["lines"][0] | {"unit_price": 50_000}]}
    assert ask(admin, owner).json["tier_after"] == "new"
    assert ask(admin, owner, large).json["tier_after"] == "silver"


def test_a_quote_names_the_place_of_a_mistake(admin, owner):
    twice = {"lines": [CART["lines"][0], CART["lines"][0]]}
    answer = ask(admin, owner, twice)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/order/lines/1/line_no"
    other = ask(admin, owner, CART | {"currency": "USD"})
    assert other.json["code"] == "currency_mismatch"
