"""Why points were given or not: on the page of an order, and of each entry that rules made."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from api_client import Api
from shop import buy, order
from visitor import Visitor, words

from crm import clock

As = Callable[..., Visitor]
PHONE = "+8613812340001"
EPOCH = "2020-01-01T00:00:00Z"


@pytest.fixture
def rule(admin: Api) -> Callable[..., str]:
    """Makes a rule that counted always; returns its id."""

    def make(kind: str, **more) -> str:
        answer = admin.post("/points/rules", {"kind": kind, "starts_at": EPOCH} | more)
        assert answer.status_code == 201, answer.text
        return answer.get_json()["id"]

    return make


@pytest.fixture
def customer(admin: Api) -> str:
    return admin.post("/members", {"phone": PHONE}).get_json()["id"]


@pytest.fixture
def bought(admin: Api, customer: str) -> Callable[..., str]:
    """Buys tea for 60.00 and a cup for 80.00 and returns the path of the order's page."""

    def write(visitor: Visitor, **more) -> str:
        at = clock.now() - timedelta(days=1)
        buy(admin, order("A-1", PHONE, at, 3_000) | more)
        page = visitor.get(f"/members/{customer}").text
        found = re.search(r'href="/console(/orders/[0-9a-f-]+)#why-points"', page)
        assert found
        return found[1]

    return write


def test_the_member_page_leads_to_what_each_rule_gave_on_which_goods(signed_in: As, rule, bought):
    cup = rule("rate", points=1, per_amount=1000, name="Cups", conditions={"skus": ["cup-1"]})
    rule("per_order", points=7, name="Hello", expiry={"policy": "rolling_months", "months": 2})
    rule("multiplier", factor="1.5", name="Fest")
    visitor = signed_in("clerk")
    page = visitor.get(bought(visitor))
    told = words(page)
    assert f'href="/console/programme/rules/{cup}"' in page.text
    assert "Counted on ¥140.00." in told
    assert "Cups version 1 Cup 8 8" in told
    assert "Fest × 1.5 version 1 茉莉龙珠 30 Cup 44 74" in told
    assert "Hello version 1 They expire 2 months later. 茉莉龙珠 3 Cup 4 7" in told


def test_the_tier_is_told_by_its_name(signed_in: As, admin: Api, bought, customer: str, stand_at):
    stand_at(clock.now() + timedelta(days=6))
    buy(admin, order("A-0", PHONE, clock.now() - timedelta(days=5), 300_000))
    visitor = signed_in("manager", "zh-Hans")
    told = words(visitor.get(bought(visitor)))
    tier = admin.get("/orders/pos/A-1/points").get_json()["tier"]
    names = {"silver": "银牌", "gold": "金牌", "diamond": "钻石"}
    assert f"{names[tier['code']]}（等级） × {tier['factor']} {tier['points']}" in told


def test_limits_say_which_and_what_there_would_have_been(signed_in: As, admin: Api, rule, bought):
    capped = {"caps": {"per_order": 100}, "effective_at": EPOCH}
    assert admin.put("/points/programme", capped).status_code == 200
    rule("per_order", points=90, name="Hello", cap={"per_order": 20})
    visitor = signed_in("manager")
    told = words(visitor.get(bought(visitor)))
    assert "Without limits: 230; 100 were given. Limited: what one order can earn." in told
    assert "Hello version 1 Limited: what the rule gives on one order." in told


def test_rules_that_gave_nothing_say_why_in_words_of_staff(signed_in: As, rule, bought):
    past = (clock.now() - timedelta(days=9)).strftime("%Y-%m-%dT%H:00:00Z")
    rule("per_order", points=1, name="Big", conditions={"min_basis": 20_000})
    rule("per_order", points=1, name="Gold", conditions={"tiers": ["gold"]})
    rule("per_order", points=1, name="Web", conditions={"channels": ["web"]})
    rule("per_order", points=1, priority=2, exclusive_group="g")
    rule("per_order", points=1, name="Second", exclusive_group="g")
    rule("per_order", points=1, name="Spent", cap={"per_order": 0})
    rule("per_order", points=1, name="Past", ends_at=past)
    visitor = signed_in("manager")
    told = words(visitor.get(bought(visitor)))
    for said in (
        "Big The order must reach ¥200.00; ¥60.00 is missing.",
        "Gold The rule is for other tiers; the member's was New.",
        "Web The rule is about other channels.",
        "Second Bonus for an order came first; only one rule of the group g counts.",
        "Spent A limit was used up: what the rule gives on one order.",
        "Past The rule ended at ",
    ):
        assert said in told
    assert "6 rules gave nothing" in told
    chinese = words(signed_in("manager", "zh-Hans").get(bought(visitor)))
    assert "6 条规则没有给积分" in chinese
    assert "Web 此规则" in chinese or re.search(r"Web [㐀-鿿]", chinese)


def test_goods_that_earn_nothing_are_named(signed_in: As, admin: Api, bought):
    excluded = {"basis": {"excluded": {"skus": ["cup-1"]}}, "effective_at": EPOCH}
    assert admin.put("/points/programme", excluded).status_code == 200
    visitor = signed_in("manager")
    told = words(visitor.get(bought(visitor)))
    assert "Lines that earn nothing Cup These goods earn nothing." in told


def test_each_entry_of_the_ledger_that_rules_made_opens_its_reason(
    signed_in: As, admin: Api, customer: str, rule, bought
):
    visitor = signed_in("manager")
    path = bought(visitor)
    rule("activity", activity="review", points=30, name="Words", cap={"per_member_day": 20})
    rule("activity", activity="review", points=5, name="Gold words", conditions={"tiers": ["gold"]})
    award = {"member": {"id": customer}, "activity": "review", "source_key": "r-9"}
    assert admin.post("/points/awards", award).status_code == 201
    spend = {"member": {"id": customer}, "points": 20, "reference": "till"}
    admin.post("/points/redemptions", spend)
    refund = {"refunded_at": "2026-11-01T00:00:00Z", "amount": 7_000}
    assert admin.put("/orders/pos/A-1/refunds/R", refund).status_code == 200
    ledger = visitor.get(f"/members/{customer}/ledger").text
    entries = admin.get(f"/members/{customer}/points/entries").get_json()["data"]
    linked = {int(seq) for seq in re.findall(rf"/members/{customer}/ledger/(\d+)\"", ledger)}
    assert linked == {one["seq"] for one in entries if one["kind"] in ("earn", "award", "clawback")}
    seqs = {one["kind"]: one["seq"] for one in entries}
    earned = visitor.get(f"/members/{customer}/ledger/{seqs['earn']}")
    told = words(earned)
    assert "Why these points" in told
    assert "An order earned these points." in told
    assert "The order was counted by the rules in force when it was placed." in told
    assert f'href="/console{path}"' in earned.text
    award_page = words(visitor.get(f"/members/{customer}/ledger/{seqs['award']}"))
    assert "Review" in award_page
    assert "Without limits: 30; 20 were given." in award_page
    assert "Words version 1 Limited: what the rule gives a member on one day. 20" in award_page
    assert "Gold words The rule is for other tiers; the member's was New." in award_page
    back = words(visitor.get(f"/members/{customer}/ledger/{seqs['clawback']}"))
    assert "Points were taken back, because an order came to earn less." in back


def test_awards_without_a_rule_say_so(signed_in: As, regular: str):
    told = words(signed_in("clerk").get(f"/members/{regular}/ledger/1"))
    assert "+600 These points were given without a rule." in told


def test_an_entry_that_is_not_there_is_not_found(signed_in: As, regular: str):
    visitor = signed_in("clerk")
    for seq in ("99", "99999999999999999999", "0"):
        assert visitor.get(f"/members/{regular}/ledger/{seq}").status_code == 404


def test_names_of_rules_and_goods_are_text_and_never_code(signed_in: As, rule, bought):
    evil = "<script>alert(1)</script>{{ 7*7 }}{x}"
    rule("per_order", points=7, name=evil)
    rule("per_order", points=7, name=evil, conditions={"channels": ["web"]})
    rule("per_order", points=7, name=evil, priority=9, exclusive_group="g")
    rule("per_order", points=7, name="Second", exclusive_group="g")
    visitor = signed_in("manager")
    page = visitor.get(bought(visitor)).text
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}{x}") == 4
