"""Coupons over HTTP: the contract, its refusals, and who may do what."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from crm.coupons import guessing, jobs

LINES = [
    {"sku": "T1", "category": "tea", "quantity": 2, "unit_price": 4000},
    {"sku": "C1", "category": "cups", "quantity": 1, "unit_price": 4000, "discount": 1000},
]
CART = {"lines": LINES, "shipping": 800}


@pytest.fixture
def issued(admin, made, person):
    """Gives a new member a coupon of a new template: → (code, member, template)."""

    def give(**changes):
        template, member = made(**changes), person()
        body = {"member": {"id": str(member)}, "occasion": uuid4().hex}
        answer = admin.post(f"/coupon-templates/{template['id']}/issue", body)
        assert answer.status_code == 201, answer.data
        return answer.get_json()["code"], member, template

    return give


def codes_of(answer) -> list[str]:
    assert answer.status_code == 200, answer.data
    return [one["code"] for one in answer.get_json()["reasons"]]


def places(answer) -> dict[str, str]:
    assert answer.status_code == 422, answer.data
    return {error["pointer"]: error["code"] for error in answer.get_json()["errors"]}


def test_a_template_is_shown_as_it_was_made(admin, made):
    body = {
        "name": "Tea day", "kind": "percent", "value": 20, "max_discount": 3000,
        "min_basis": 10000, "scope": {"skus": ["T1"], "categories": ["tea"]},
        "validity": {"from": "2026-12-01T00:00:00Z", "until": "2026-12-31T00:00:00Z"},
        "per_member_limit": 1, "stock": 1000, "budget": 500000, "stackable": True,
    }  # fmt: skip
    made_one = made(**body)
    found = admin.get(f"/coupon-templates/{made_one['id']}").get_json()
    assert found == made_one
    assert {name: found[name] for name in body} == body
    assert (found["state"], found["stock_left"], found["budget_left"]) == ("open", 1000, 500000)
    listed = admin.get("/coupon-templates?limit=1").get_json()
    assert listed["data"] == [made_one]


def test_a_template_without_more_lasts_thirty_days_and_has_no_limits(made):
    found = made()
    assert found["validity"] == {"days": 30}
    assert (found["stock"], found["budget"], found["per_member_limit"]) == (None, None, None)
    assert (found["stackable"], found["returns_on_refund"]) == (False, True)


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        ({"kind": "percent", "value": 0}, "/value", "percent_range"),
        ({"kind": "percent", "value": 101}, "/value", "percent_range"),
        ({"kind": "amount"}, "/value", "amount_missing"),
        ({"kind": "amount", "value": -1}, "/value", "out_of_range"),
        ({"kind": "amount", "value": 1.5}, "/value", "invalid_type"),
        ({"kind": "free_shipping", "value": 5}, "/value", "not_for_this_kind"),
        ({"kind": "points_multiplier", "value": 1}, "/factor", "factor_range"),
        ({"kind": "points_multiplier", "factor": "x"}, "/factor", "bad_format"),
        ({"kind": "amount", "value": 5, "factor": "2"}, "/factor", "not_for_this_kind"),
        ({"kind": "amount", "value": 5, "max_discount": 2}, "/max_discount", "not_for_this_kind"),
        ({"kind": "amount", "value": 5, "gift": {"name": "x"}}, "/gift", "not_for_this_kind"),
        ({"kind": "cash", "value": 5}, "/kind", "unknown_choice"),
        ({"value": 5}, "/kind", "required"),
        ({"kind": "amount", "value": 5, "colour": 1}, "/colour", "unknown_field"),
        (
            {
                "kind": "amount",
                "value": 5,
                "validity": {"days": 3, "until": "2027-01-01T00:00:00Z"},
            },
            "/validity",
            "days_or_window",
        ),
        (
            {
                "kind": "amount",
                "value": 5,
                "validity": {"from": "2027-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"},
            },
            "/validity/until",
            "empty_window",
        ),
    ],
)
def test_a_template_that_does_not_fit_together_is_refused_by_field(admin, body, place, code):
    assert places(admin.post("/coupon-templates", {"name": "x"} | body))[place] == code


def test_a_factor_may_be_whole_or_a_fraction(made):
    assert made(kind="points_multiplier", value=2)["factor"] == "2"
    assert made(kind="points_multiplier", value=0, factor="1.5")["factor"] == "1.5"


def test_what_coupons_are_good_for_is_fixed_once_there_are_some(admin, issued, made):
    free = made()
    assert admin.patch(f"/coupon-templates/{free['id']}", {"value": 500}).status_code == 200
    _, _, template = issued()
    path = f"/coupon-templates/{template['id']}"
    refused = admin.patch(path, {"min_basis": 1})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "coupon_template_in_use")
    for name, changes in (("validity", {"days": 31}), ("scope", {"skus": ["X"]})):
        assert admin.patch(path, {name: changes}).status_code == 409
    changed = admin.patch(path, {"name": "Other", "stock": 1, "ended": True}).get_json()
    assert (changed["name"], changed["stock_left"], changed["state"]) == ("Other", 0, "ended")
    assert places(admin.patch(path, {"stock": 0})) == {"/stock": "below_issued"}
    assert places(admin.patch(path, {"budget": 1999})) == {"/budget": "below_committed"}
    assert admin.patch(path, {"ended": False}).get_json()["state"] == "open"


def test_changes_of_templates_and_their_codes_stand_in_the_audit(admin, made):
    template = made()
    admin.patch(f"/coupon-templates/{template['id']}", {"stock": 7})
    admin.post(f"/coupon-templates/{template['id']}/codes", {"count": 3})
    acts = admin.get("/audit?limit=5").get_json()["data"]
    told = {one["action"]: one for one in acts}
    assert told["coupon_template.changed"]["before"]["stock"] is None
    assert told["coupon_template.changed"]["after"]["stock"] == 7
    assert told["coupon_template.codes_added"]["after"] == {"codes": 3, "pool": 3}
    assert "coupon_template.created" in told


def test_codes_are_generated_or_brought_and_the_pool_gives_them(admin, made, person):
    template = made()
    path = f"/coupon-templates/{template['id']}"
    drawn = admin.post(f"{path}/codes", {"count": 2})
    assert drawn.status_code == 201
    brought = admin.post(f"{path}/codes", {"codes": ["spring-0001", "SPRING-0001", " ab cd "]})
    assert brought.get_json() == {
        "added": 2, "codes": ["SPRING-0001", "ABCD"], "duplicates": ["SPRING-0001"], "pool": 4,
    }  # fmt: skip
    listed = admin.get(f"{path}/codes?state=issued").get_json()["data"]
    assert {one["code"] for one in listed} == {*drawn.get_json()["codes"], "SPRING-0001", "ABCD"}
    body = {"member": {"id": str(person())}, "occasion": "x"}
    given = admin.post(f"{path}/issue", body).get_json()
    assert given["code"] in {one["code"] for one in listed}
    assert admin.get(path).get_json()["pool"] == 3


@pytest.mark.parametrize(
    ("body", "places_"),
    [
        ({}, {"/count": "count_or_codes"}),
        ({"count": 5, "codes": ["ABCD"]}, {"/count": "count_or_codes"}),
        ({"count": 0}, {"/count": "out_of_range"}),
        ({"count": 100_001}, {"/count": "out_of_range"}),
        ({"codes": []}, {"/codes": "too_few"}),
        ({"codes": ["ABCD", "a  b", "Grün"]}, {"/codes/1": "bad_code", "/codes/2": "bad_format"}),
    ],
)
def test_codes_that_can_not_be_are_refused_by_place(admin, made, body, places_):
    assert places(admin.post(f"/coupon-templates/{made()['id']}/codes", body)) == places_


def test_the_same_occasion_answers_the_same_coupon(admin, made, person):
    path = f"/coupon-templates/{made()['id']}/issue"
    body = {"member": {"id": str(person())}, "occasion": "birthday:2026"}
    first, again = admin.post(path, body), admin.post(path, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()


def test_a_coupon_is_looked_at_in_any_case_and_with_spaces(admin, issued):
    code, _, _ = issued()
    typed = f"{code[:4]} {code[4:8]} {code[8:]}".lower()
    assert admin.get(f"/coupons/{typed}").get_json()["code"] == code


def test_validate_says_what_it_takes_off_and_writes_nothing(admin, issued):
    code, member, _ = issued(min_basis=11000)
    body = {"member": {"id": str(member)}, "order": CART}
    found = admin.post(f"/coupons/{code}/validate", body).get_json()
    assert (found["valid"], found["reasons"], found["discount"]) == (True, [], 2000)
    assert found["coupon"]["state"] == "issued"


def test_validate_tells_all_reasons_with_their_facts(admin, issued, person, made):
    code, _, _ = issued(min_basis=20000, scope={"categories": ["books"]})
    other, _, _ = issued()
    admin.post(f"/coupons/{code}/reserve", {"reference": "cart-1"})
    body = {"member": {"id": str(person())}, "order": CART | {"coupons": [code, other]}}
    found = admin.post(f"/coupons/{code}/validate", body).get_json()
    assert [one["code"] for one in found["reasons"]] == [
        "reserved_elsewhere", "wrong_member", "out_of_scope", "min_basis_not_met", "not_stackable",
    ]  # fmt: skip
    facts = found["reasons"][3]
    assert (facts["missing"], facts["min_basis"], facts["basis"]) == (20000, 20000, 0)
    assert found["reasons"][4]["with"] == [other]
    assert all(one["detail"] for one in found["reasons"])
    chinese = admin.post(
        f"/coupons/{code}/validate", body, headers={"Accept-Language": "zh-Hans"}
    ).get_json()
    assert chinese["reasons"][2]["detail"] == "此优惠券不适用于这些商品。"


def test_a_cart_of_another_currency_is_refused(admin, issued):
    code, _, _ = issued()
    body = {"order": CART | {"currency": "EUR"}}
    answer = admin.post(f"/coupons/{code}/validate", body)
    assert places(answer) == {"/order/currency": "currency_mismatch"}


@pytest.mark.parametrize(
    ("order", "place", "code"),
    [
        ({"lines": []}, "/order/lines", "too_few"),
        ({"lines": [LINES[0] | {"discount": 8001}]}, "/order/lines/0/discount", None),
        ({"lines": LINES, "discount": 11001}, "/order/discount", "discount_too_large"),
        ({"lines": [LINES[0] | {"quantity": 0}]}, "/order/lines/0/quantity", "out_of_range"),
        ({"lines": [LINES[0] | {"unit_price": 10**12}]}, "/order/lines", "amount_too_large"),
        ({"lines": LINES, "coupons": ["?"]}, "/order/coupons/0", "bad_format"),
        ({"lines": LINES, "size": 1}, "/order/size", "unknown_field"),
    ],
)
def test_a_cart_that_can_not_be_is_refused_by_place(admin, issued, order, place, code):
    given = places(admin.post(f"/coupons/{issued()[0]}/validate", {"order": order}))
    assert given[place] == (code or "discount_too_large")


def test_a_coupon_is_reserved_used_and_given_back(admin, issued):
    code, member, template = issued()
    path = f"/coupons/{code}"
    body = {"reference": "cart-1", "ttl_seconds": 60, "order": CART}
    held = admin.post(f"{path}/reserve", body).get_json()
    assert (held["state"], held["reserved_for"], held["discount"]) == ("reserved", "cart-1", 2000)
    order = {"channel": "web", "order_no": "A1", "order": CART}
    refused = admin.post(f"{path}/use", order)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "reserved_elsewhere")
    used = admin.post(f"{path}/use", order | {"reference": "cart-1"}).get_json()
    assert (used["state"], used["used"]["order_no"], used["used"]["value"]) == ("used", "A1", 2000)
    again = admin.post(f"{path}/use", order)
    assert again.get_json()["used"] == used["used"]
    second = admin.post(f"{path}/use", order | {"order_no": "A2"})
    assert (second.status_code, second.get_json()["code"]) == (409, "already_used")
    assert [one["code"] for one in second.get_json()["reasons"]] == ["already_used"]
    counted = admin.get(f"/coupon-templates/{template['id']}").get_json()
    assert (counted["used"], counted["value_used"], counted["committed"]) == (1, 2000, 0)
    assert admin.post(f"{path}/release").get_json()["code"] == "already_used"
    back = admin.post(f"{path}/release", {"channel": "web", "order_no": "A1"}).get_json()
    assert (back["state"], back["used"], back["member_id"]) == ("issued", None, str(member))


def test_an_order_is_named_by_both_parts_and_a_cart_not_like_an_order(admin, issued):
    code, _, _ = issued()
    assert places(admin.post(f"/coupons/{code}/release", {"channel": "web"})) == {
        "/order_no": "half_a_name"
    }
    answer = admin.post(f"/coupons/{code}/reserve", {"reference": "order:web/1"})
    assert places(answer) == {"/reference": "like_an_order"}


def test_a_coupon_is_taken_back_with_a_reason(admin, issued):
    code, _, _ = issued()
    gone = admin.post(f"/coupons/{code}/void", {"reason": "mistake"}).get_json()
    assert (gone["state"], gone["void_reason"]) == ("void", "mistake")
    refused = admin.post(f"/coupons/{code}/use", {"channel": "web", "order_no": "1"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "void")


def test_a_member_sees_his_coupons_as_they_are_now(admin, made, person, stand_at, now):
    member, codes = person(), []
    for days in (10, 20, 30):
        path = f"/coupon-templates/{made(validity={'days': days})['id']}/issue"
        body = {"member": {"id": str(member)}, "occasion": "x"}
        stand_at(now + timedelta(hours=days))
        codes.append(admin.post(path, body).get_json()["code"])
    admin.post(f"/coupons/{codes[2]}/use", {"channel": "web", "order_no": "1"})
    stand_at(datetime(2026, 12, 8, tzinfo=UTC))
    first = admin.get(f"/members/{member}/coupons?limit=2").get_json()
    rest = admin.get(f"/members/{member}/coupons?cursor={first['next_cursor']}").get_json()
    shown = [(one["code"], one["state"]) for one in first["data"] + rest["data"]]
    assert shown == list(zip(codes[::-1], ("used", "issued", "expired"), strict=True))
    expired = admin.get(f"/members/{member}/coupons?state=expired").get_json()["data"]
    assert [one["code"] for one in expired] == codes[:1]
    assert admin.get(f"/members/{uuid4()}/coupons").status_code == 404


def test_guessing_is_slow_for_the_one_who_guesses(admin, api_with, issued, stand_at, now):
    code, _, _ = issued()
    stand_at(now)
    guesser = api_with("coupons:read", name="guesser")
    for number in range(guessing.MOST):
        assert guesser.get(f"/coupons/GUESS{number:07}").status_code == 404
    blocked = guesser.get(f"/coupons/{code}")
    assert (blocked.status_code, blocked.get_json()["code"]) == (429, "too_many_codes")
    assert int(blocked.headers["Retry-After"]) == 900
    assert guesser.post(f"/coupons/{code}/validate", {"order": CART}).status_code == 429
    assert admin.get(f"/coupons/{code}").status_code == 200
    stand_at(now + timedelta(minutes=15, seconds=1))
    assert guesser.get(f"/coupons/{code}").status_code == 200


def test_what_can_not_be_a_code_counts_as_a_guess(api_with):
    guesser = api_with("coupons:write", name="guesser")
    body = {"channel": "web", "order_no": "1"}
    answers = [guesser.post(f"/coupons/%00{n}x/use", body) for n in range(guessing.MOST + 1)]
    assert [one.status_code for one in answers] == [404] * guessing.MOST + [429]


def test_each_act_needs_its_permission(api_with, made):
    template = made()
    reader, till = api_with("coupons:read"), api_with("coupons:read", "coupons:write")
    assert reader.get("/coupon-templates").status_code == 200
    assert reader.post("/coupons/X/use", {}).status_code == 403
    assert till.post("/coupon-templates", {}).status_code == 403
    assert till.post(f"/coupon-templates/{template['id']}/codes", {"count": 1}).status_code == 403
    assert till.get(f"/coupon-templates/{template['id']}/codes").status_code == 403


def test_the_clock_gives_budgets_back_what_expired_coupons_can_cost_no_more(
    admin, issued, stand_at, now
):
    stand_at(now)
    code, _, template = issued(budget=2000)
    admin.post(f"/coupons/{code}/reserve", {"reference": "cart-1"})
    path = f"/coupon-templates/{template['id']}"
    assert admin.get(path).get_json()["budget_left"] == 0
    assert jobs.next_end(now) is not None
    stand_at(now + timedelta(days=40))
    assert jobs.tidy(now) == 2
    assert admin.get(path).get_json()["budget_left"] == 2000
    assert admin.get(f"/coupons/{code}").get_json()["state"] == "expired"
    assert jobs.tidy(now) == 0
