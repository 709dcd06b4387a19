"""Why an order or an entry gave these points, over HTTP: what applied, what did not, and why."""

import pytest
from api_client import Api
from clocks import set_to
from order_bodies import PLACED


@pytest.fixture
def member(person):
    return person()


@pytest.fixture
def why(admin: Api):
    def ask(order_no, **kwargs):
        answer = admin.get(f"/orders/web/{order_no}/points", **kwargs)
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return ask


@pytest.fixture
def order_rule(admin: Api):
    def make(kind, **more):
        body = {"kind": kind, "starts_at": "2026-01-01T00:00:00Z"} | more
        answer = admin.post("/points/rules", body)
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return make


def missed(found):
    return {one["name"]: one["code"] for one in found["not_applied"]}


def test_an_order_says_what_each_rule_gave_on_which_line(member, put_order, why, order_rule):
    double = order_rule("multiplier", factor="1.5", name="tea", conditions={"skus": ["T1"]})
    put_order("A1", member)
    found = why("A1")
    assert (found["state"], found["points"], found["desired"]) == ("counted", 350, 350)
    assert (found["basis"], found["rounding"], found["programme"]) == (25000, "floor", 1)
    base, tea = found["applied"]
    assert [line["points"] for line in base["lines"]] == ["200", "50"]
    assert (tea["rule_id"], tea["version"], tea["factor"]) == (double["id"], 1, "1.5")
    assert tea["lines"] == [{"line_no": 1, "sku": "T1", "points": "100"}]
    assert found["not_applied"] == []


def test_a_rule_that_gave_nothing_names_what_was_missing(member, put_order, why, order_rule):
    group = {"exclusive_group": "g", "points": 1, "per_amount": 100}
    order_rule("rate", name="taken", **group)
    order_rule("rate", name="first", priority=1, **group)
    order_rule("per_order", name="big", points=5, conditions={"min_basis": 30000})
    order_rule("per_order", name="gold", points=5, conditions={"tiers": ["gold"]})
    order_rule("per_order", name="coffee", points=5, conditions={"skus": ["COFFEE"]})
    order_rule("per_order", name="monday", points=5, conditions={"weekdays": [1]})
    order_rule("per_order", name="till", points=5, conditions={"channels": ["till"]})
    order_rule("per_order", name="over", points=5, ends_at="2026-10-20T00:00:00Z")
    order_rule("per_order", name="long over", points=5, ends_at="2026-02-01T00:00:00Z")
    order_rule("per_order", name="capped", points=5, cap={"per_order": 0})
    put_order("A1", member)
    order_rule("per_order", name="too late", points=5)
    found = why("A1")
    assert missed(found) == {
        "taken": "exclusive_group_taken",
        "big": "min_basis",
        "gold": "not_in_tier",
        "coffee": "other_goods",
        "monday": "weekday",
        "till": "other_channel",
        "over": "ended",
        "capped": "capped",
        "too late": "added_later",
    }
    big = next(one for one in found["not_applied"] if one["name"] == "big")
    assert (big["missing"], big["min_basis"]) == (5000, 30000)
    assert big["detail"] == "The order must reach 30000; 5000 was missing (minor units)."
    chinese = why("A1", headers={"Accept-Language": "zh-Hans"})
    assert "还差 5000" in str(chinese["not_applied"])


def test_the_tier_held_then_is_told_with_what_it_added(admin, member, put_order, why):
    ladder = admin.get("/tiers").get_json()
    top = ladder["tiers"][-1]
    path = f"/members/{member}/tier"
    assert admin.put(path, {"code": top["code"], "reason": "a guest of honour"}).status_code == 200
    at = "2027-03-01T02:00:00Z"
    put_order("A1", member, placed_at=at, paid_at=at, updated_at=at)
    tier = why("A1")["tier"]
    assert (tier["code"], tier["factor"]) == (top["code"], top["multiplier"])
    assert float(tier["points"]) > 0


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "placed", "paid_at": None}, "not_paid"),
        ({"status": "cancelled"}, "cancelled"),
    ],
)
def test_an_order_that_does_not_count_says_so(member, put_order, why, changes, state):
    put_order("A1", member, **changes)
    found = why("A1")
    assert (found["state"], found["points"], found["applied"]) == (state, 0, [])


def test_a_guests_order_says_that_it_names_no_member(put_order, why):
    put_order("A1")
    assert why("A1")["state"] == "no_member"


def test_excluded_goods_and_free_lines_are_named(admin, member, put_order, why):
    change = {"basis": {"excluded": {"skus": ["C1"]}}, "effective_at": "2026-01-01T00:00:00Z"}
    assert admin.put("/points/programme", change).status_code == 200
    lines = [
        {"line_no": 1, "sku": "T1", "name": "Tea", "quantity": 1, "unit_price": 5000},
        {"line_no": 2, "sku": "C1", "name": "Cup", "quantity": 1, "unit_price": 5000},
        {"line_no": 3, "sku": "G1", "name": "Gift", "quantity": 1, "unit_price": 0},
    ]
    put_order("A1", member, lines=lines)
    codes = [(line["line_no"], line["code"]) for line in why("A1")["lines"]]
    assert codes == [(2, "excluded_goods"), (3, "no_value")]
    put_order("A2", member, lines=lines[1:2])
    assert missed(why("A2")) == {"1 point per 1.00": "excluded_goods"}


def test_what_the_rules_say_now_does_not_change_what_was(admin, member, put_order, why, order_rule):
    made = order_rule("per_order", name="bonus", points=5, conditions={"tiers": ["gold"]})
    put_order("A1", member)
    before = why("A1")
    set_to(PLACED.replace(year=2027))
    body = {"kind": "per_order", "points": 9, "name": "bonus"}
    assert admin.put(f"/points/rules/{made['id']}", body).status_code == 200
    assert admin.put("/points/programme", {"rounding": "ceil"}).status_code == 200
    assert why("A1") == before


def test_a_refund_leaves_the_reasons_and_shows_what_is_left(member, put_order, refund, why):
    put_order("A1", member)
    refund("A1", lines=[{"line_no": 1, "quantity": 1}])
    found = why("A1")
    assert (found["granted"], found["clawed_back"], found["points"]) == (250, 100, 150)


def test_every_kind_of_entry_says_why_it_is(
    admin, member, put_order, refund, rule, act, redeem, why
):
    at = "2026-01-02T02:00:00Z"
    put_order("A1", member, placed_at=at, paid_at=at, updated_at=at)
    refund("A1", lines=[{"line_no": 2, "quantity": 1}])
    rule("review", 30, cap={"per_member_day": 40})
    rule("review", 10, name="gold", conditions={"tiers": ["gold"]})
    act(member, "review")
    act(member, "review")
    act(member, "custom", points=500)
    redeem(member, 100)
    entries = admin.get(f"/members/{member}/points/entries").get_json()["data"]
    told = {}
    for entry in entries:
        path = f"/members/{member}/points/entries/{entry['seq']}"
        answer = admin.get(path)
        assert answer.status_code == 200, answer.data
        found = answer.get_json()
        assert {name: found[name] for name in entry} == entry
        told[entry["seq"]] = found["why"]
    assert told[1]["order"] == told[2]["order"] == why("A1")
    assert (told[3]["desired"], told[3]["granted"], told[3]["capped_by"]) == (30, 30, None)
    assert (told[4]["granted"], told[4]["capped_by"]) == (10, "rule_per_member_day")
    assert [one["code"] for one in told[4]["not_applied"]] == ["not_in_tier"]
    assert (told[5]["breakdown"], told[5]["granted"]) == ([], 500)
    assert told[6]["detail"] == "The member spent these points."


@pytest.mark.parametrize("seq", [0, 2, 2**31, 10**30])
def test_an_entry_that_is_not_there_is_not_found(admin, member, act, seq):
    act(member, "custom", points=5)
    answer = admin.get(f"/members/{member}/points/entries/{seq}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "entry_not_found")


def test_an_unknown_order_is_not_found(admin):
    answer = admin.get("/orders/web/none/points")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "order_not_found")
