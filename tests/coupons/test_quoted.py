"""A quote takes the cart's coupons: what each takes off, why not, and what is then earned."""

import pytest
from order_bodies import order_body

LINES = [
    {"line_no": 1, "sku": "T1", "name": "Tea", "quantity": 2, "unit_price": 10_000},
    {"line_no": 2, "sku": "C1", "name": "Cup", "quantity": 1, "unit_price": 5_000},
]


@pytest.fixture
def ask(admin):
    """Asks for a quote of 250.00 with these coupons."""

    def quote(member, *codes, api=None, **cart):
        order = {"lines": LINES, "coupons": list(codes), **cart}
        return (api or admin).post("/points/quote", {"member": {"id": str(member)}, "order": order})

    return quote


def test_what_coupons_take_off_earns_nothing(ask, admin, template, give, person):
    member = person()
    code = give(template(value=2_000), member)
    found = ask(member, code).json
    assert found["coupons"] == [
        {"code": code, "name": "Spring", "kind": "amount", "valid": True, "reasons": [],
         "discount": 2_000}
    ]  # fmt: skip
    assert found["earn"]["points"] == 230
    body = order_body(member) | {"discount": 2_000, "coupons": [code]}
    assert admin.put("/orders/web/Q1", body).json["earned"]["points"] == 230


def test_coupons_are_taken_one_after_the_other(ask, template, give, person):
    member = person()
    first = give(template(value=5_000, stackable=True), member)
    second = give(template(kind="percent", value=10, stackable=True), member)
    told = ask(member, first, second).json["coupons"]
    assert [one["discount"] for one in told] == [5_000, 2_000]
    told = ask(member, second, first).json["coupons"]
    assert [one["discount"] for one in told] == [2_500, 5_000]


def test_points_are_multiplied_as_the_order_then_multiplies_them(
    ask, admin, template, give, person
):
    member = person()
    code = give(template(kind="points_multiplier", value=3), member)
    found = ask(member, code).json["earn"]
    assert found["points"] == 750
    earned = admin.put("/orders/web/Q1", order_body(member) | {"coupons": [code]}).json["earned"]
    assert (earned["points"], earned["breakdown"]) == (750, found["breakdown"])


def test_free_delivery_comes_off_the_delivery(ask, template, give, person):
    member = person()
    code = give(template(kind="free_shipping", value=0, max_discount=800), member)
    (told,) = ask(member, code, shipping=1_000).json["coupons"]
    assert told["discount"] == 800


def test_every_reason_against_a_coupon_is_said_and_it_takes_nothing_off(
    ask, template, give, person
):
    member, other = person(), person()
    code = give(template(min_basis=100_000, skus=["X"]), other)
    (told,) = ask(member, code).json["coupons"]
    assert {one["code"] for one in told["reasons"]} == {
        "wrong_member", "out_of_scope", "min_basis_not_met"
    }  # fmt: skip
    assert all(one["detail"] for one in told["reasons"])
    assert (told["valid"], told["discount"]) == (False, 0)


def test_codes_that_do_not_exist_are_said_and_counted(ask, person):
    member = person()
    (told,) = ask(member, "no-such-code").json["coupons"]
    assert (told["code"], told["valid"]) == ("NO-SUCH-CODE", False)
    assert told["reasons"][0]["code"] == "coupon_not_found"
    for _ in range(19):
        last = ask(member, "no-such-code")
    assert last.status_code in (200, 429)
    assert ask(member, "no-such-code").status_code == 429
    assert ask(member).status_code == 200


def test_coupons_need_their_own_permission(ask, api_with, person):
    member, till = person(), api_with("points:read")
    assert ask(member, api=till).status_code == 200
    refused = ask(member, "ABCD-1234", api=till)
    assert (refused.status_code, refused.json["needs"]) == (403, "coupons:read")


def test_a_quote_leaves_the_coupon_as_it_was(ask, template, give, row, person):
    member = person()
    code = give(template(), member)
    before = vars(row(code)).copy()
    ask(member, code)
    after = vars(row(code))
    assert {k: v for k, v in before.items() if k[0] != "_"} == {
        k: v for k, v in after.items() if k[0] != "_"
    }
