"""Rules in the console: made, changed by versions, ended; and tried out, writing nothing."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from api_client import Api
from filling import filled_in
from shop import Shop
from visitor import Visitor, words
from werkzeug.datastructures import MultiDict

from crm import clock
from crm.console.rule_forms import EVERY, leaves_of
from crm.db import db
from crm.points.programme_models import RuleVersion
from crm.points.rule import KINDS
from crm.points.rule_schemas import RuleIn

As = Callable[..., Visitor]
RULES = "/programme/rules"


def make(admin: Api, **body: Any) -> str:
    answer = admin.post("/points/rules", body)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["id"]


def fill(fields: MultiDict, values: Mapping[str, str]) -> None:
    """Write into fields what stands there no more."""
    for name, value in values.items():
        fields[name] = value


def form_of(visitor: Visitor, kind: str) -> MultiDict:
    return filled_in(visitor.get(f"{RULES}/new", {"kind": kind}).text, RULES)


def test_a_rule_is_made_with_every_condition_and_reads_back_the_same(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    fields = form_of(visitor, "rate")
    fill(
        fields,
        {
            "/name": "Tea evening",
            "/points": "2",
            "/per_amount": "1.00",
            "/priority": "7",
            "/exclusive_group": "rates",
            "/cap/per_order": "500",
            "/cap/per_member_day": "1,000",
            "/starts_at": "2027-01-01T00:00",
            "/ends_at": "2027-02-01T00:00",
            "/conditions/skus": "tea-1\ntea-2",
            "/conditions/categories": "茶",
            "/conditions/labels": "gift",
            "/conditions/channels": "pos\nweb",
            "/conditions/local_time/from": "18:00",
            "/conditions/local_time/to": "02:00",
            "/conditions/min_basis": "99.50",
            "/conditions/first_order": "false",
            "/conditions/birthday_month": "true",
        },
    )
    fields.setlist("/conditions/weekdays", ["5", "6"])
    fields.setlist("/conditions/tiers", ["gold", "diamond"])
    fields.setlist("/conditions/segments", ["loyal"])
    answer = visitor.post(RULES, fields)
    assert answer.status_code == 303, words(answer)
    rule_id = answer.location.split("/")[-1].split("?")[0]
    found = next(
        one for one in admin.get("/points/rules").get_json()["data"] if one["id"] == rule_id
    )
    assert found["conditions"] == {
        "skus": ["tea-1", "tea-2"],
        "categories": ["茶"],
        "labels": ["gift"],
        "channels": ["pos", "web"],
        "tiers": ["gold", "diamond"],
        "segments": ["loyal"],
        "weekdays": [5, 6],
        "local_time": {"from": "18:00", "to": "02:00"},
        "min_basis": 9950,
        "first_order": False,
        "birthday_month": True,
    }
    assert found["cap"] == {"per_order": 500, "per_member_day": 1000}
    assert (found["starts_at"], found["ends_at"]) == (
        "2026-12-31T16:00:00Z",
        "2027-01-31T16:00:00Z",
    )
    page = words(visitor.get(f"{RULES}/{rule_id}"))
    assert "2 points for each ¥1" in page
    assert "scheduled" in page
    form = filled_in(visitor.get(f"{RULES}/{rule_id}/edit").text, f"{rule_id}/edit")
    assert visitor.post(f"{RULES}/{rule_id}/edit", form).status_code == 303
    page = words(visitor.get(f"{RULES}/{rule_id}"))
    assert "Version 2 " in page
    again = next(
        one for one in admin.get("/points/rules").get_json()["data"] if one["id"] == rule_id
    )
    assert {**again, "version": 1} == {**found, "valid_from": again["valid_from"]}


@pytest.mark.parametrize("kind", ["rate", "multiplier", "activity"])
def test_the_points_of_any_rule_may_last_by_a_policy_of_their_own(
    signed_in: As, admin: Api, kind: str
):
    visitor = signed_in("marketer")
    fields = form_of(visitor, kind)
    known = {leaf.pointer for leaf in leaves_of(kind)}
    filling = {"/points": "5", "/per_amount": "1", "/factor": "1.5", "/activity": "review"}
    fill(fields, {name: value for name, value in filling.items() if name in known})
    fill(fields, {"/expiry/policy": "rolling_months", "/expiry/months": "3"})
    answer = visitor.post(RULES, fields)
    assert answer.status_code == 303, words(answer)
    made = admin.get("/points/rules").get_json()["data"][-1]
    assert made["expiry"] == {"policy": "rolling_months", "months": 3}
    assert "These points expire some months later, to the day" in words(
        visitor.get(f"{RULES}/{made['id']}")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_form_of_a_kind_asks_for_what_it_takes_and_nothing_else(signed_in: As, kind: str):
    visitor = signed_in("marketer")
    fields = form_of(visitor, kind)
    pointers = {name for name in fields if name.startswith("/") and not name.startswith("/cart")}
    known = {leaf.pointer for leaf in leaves_of(kind)}
    assert pointers <= known
    filling = {"/points": "5", "/per_amount": "1", "/factor": "1.5", "/activity": "review"}
    fill(fields, {name: value for name, value in filling.items() if name in known})
    assert visitor.post(RULES, fields).status_code == 303


@pytest.mark.usefixtures("no_database")
def test_every_field_of_the_schema_belongs_to_a_form():
    assert {leaf.pointer for kind in KINDS for leaf in leaves_of(kind)} == {
        leaf.pointer for leaf in EVERY
    }
    assert "kind" in RuleIn().fields


def test_mistakes_stand_beside_their_fields(signed_in: As):
    visitor = signed_in("marketer")
    fields = form_of(visitor, "multiplier")
    fill(
        fields,
        {
            "/factor": "",
            "/starts_at": "2027-02-01T00:00",
            "/ends_at": "2027-01-01T00:00",
            "/exclusive_group": "",
        },
    )
    answer = visitor.post(RULES, fields)
    assert answer.status_code == 422
    assert beside(answer.text, "factor") == "This field is required."
    assert beside(answer.text, "ends_at") == "The rule ends before it starts."
    fields["/factor"] = "much"
    fields["/conditions/local_time/from"] = "18:00"
    answer = visitor.post(RULES, fields)
    assert beside(answer.text, "factor") == "This does not have the expected form."
    assert beside(answer.text, "conditions-local_time-to") == "This field is required."
    assert 'value="much"' in answer.text


def beside(page: str, name: str) -> str:
    found = re.search(rf'id="f-{name}-wrong">.*?</svg>([^<]*)<', page)
    assert found, name
    return found[1]


def test_a_change_shows_what_it_changed_and_an_ended_rule_stays_ended(signed_in: As, admin: Api):
    rule_id = make(admin, kind="per_order", points=50, name="Hello")
    visitor = signed_in("marketer")
    page = visitor.get(f"{RULES}/{rule_id}/edit")
    fields = filled_in(page.text, f"{rule_id}/edit")
    fields["/points"] = "80"
    fields["/conditions/first_order"] = "true"
    assert visitor.post(f"{RULES}/{rule_id}/edit", fields).status_code == 303
    page = words(visitor.get(f"{RULES}/{rule_id}"))
    assert "Points 50 80 " in page
    assert "First order – only a member’s first " in page
    visitor.get(f"{RULES}/{rule_id}")
    assert visitor.post(f"{RULES}/{rule_id}/end").status_code == 303
    page = visitor.get(f"{RULES}/{rule_id}")
    assert "ended" in words(page)
    assert "End it now" not in words(page)
    assert visitor.get(f"{RULES}/{rule_id}/edit").status_code == 409
    assert "Hello" in words(visitor.get(RULES, {"state": "ended"}))
    assert "Hello" not in words(visitor.get(RULES))


def test_two_who_change_a_rule_do_not_overwrite_each_other(signed_in: As, admin: Api):
    rule_id = make(admin, kind="per_unit", points=5, name="Cups")
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(f"{RULES}/{rule_id}/edit").text, f"{rule_id}/edit")
    body = {"kind": "per_unit", "points": 6, "name": "Cups", "version": 1}
    assert admin.put(f"/points/rules/{rule_id}", body).status_code == 200
    assert admin.put(f"/points/rules/{rule_id}", body).get_json()["code"] == "rule_changed"
    fields["/points"] = "9"
    answer = visitor.post(f"{RULES}/{rule_id}/edit", fields)
    assert answer.status_code == 409
    assert "The rule was changed meanwhile: version 2 is the newest." in words(answer)
    again = filled_in(answer.text, f"{rule_id}/edit")
    assert again["/points"] == "9"
    assert visitor.post(f"{RULES}/{rule_id}/edit", again).status_code == 303


def test_rules_stand_where_they_are_in_their_time(signed_in: As, admin: Api):
    now = clock.now()
    later = (now + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    past = (now - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    make(admin, kind="per_unit", points=1, name="Now it counts")
    make(admin, kind="per_unit", points=1, name="Soon it counts", starts_at=later)
    make(admin, kind="per_unit", points=1, name="Once it counted", ends_at=past)
    visitor = signed_in("analyst")
    for state, name in (("active", "Now"), ("scheduled", "Soon"), ("ended", "Once")):
        page = words(visitor.get(RULES, {"state": state}))
        assert [one for one in ("Now", "Soon", "Once") if f"{one} it count" in page] == [name]
    assert visitor.get(RULES, {"state": "lost"}).status_code == 422


def trial(visitor: Visitor, kind: str, **more: Any) -> MultiDict:
    fields = form_of(visitor, kind)
    fill(fields, {"/cart/lines/0/sku": "tea-1", "/cart/lines/0/unit_price": "100"})
    fill(fields, more)
    return fields


def written() -> int:
    return db.session.query(RuleVersion).count()


def test_a_draft_is_tried_on_a_cart_and_nothing_is_written(signed_in: As, admin: Api, shop: Shop):
    visitor, before = signed_in("marketer"), written()
    fields = trial(visitor, "multiplier", **{"/factor": "3", "/name": "Triple"})
    answer = visitor.post(f"{RULES}/try", fields, **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    told = words(answer)
    line = {"line_no": 1, "sku": "tea-1", "name": "Tea", "quantity": 1, "unit_price": 10_000}
    quote = {"member": {"id": shop.nobody}, "order": {"lines": [line]}}
    now = admin.post("/points/quote", quote).get_json()["earn"]["points"]
    assert now > 0
    assert f"This cart of ¥100.00 would earn {3 * now} points now it is {now} " in told
    assert "Triple this rule" in told
    page = visitor.post(f"{RULES}/try", fields)
    assert f"would earn {3 * now} points" in words(page)
    assert 'value="Triple"' in page.text
    assert written() == before


def test_a_draft_says_why_it_does_not_apply(signed_in: As):
    visitor = signed_in("marketer")

    def why(kind: str, **more: Any) -> str:
        fields = trial(visitor, kind, **more)
        return words(visitor.post(f"{RULES}/try", fields, **{"HX-Request": "true"}))

    said = why("per_order", **{"/points": "5", "/conditions/skus": "cup"})
    assert "This rule gives nothing here. The rule is about other goods." in said
    said = why("per_order", **{"/points": "5", "/conditions/min_basis": "150"})
    assert "The order must reach ¥150.00; ¥50.00 is missing." in said
    said = why("per_order", **{"/points": "5", "/starts_at": "2199-01-01T00:00"})
    assert "The rule begins at 2199-01-01 00:00." in said
    said = why("activity", **{"/points": "5", "/activity": "review", "/conditions/birthday_month":
                              "true"})  # fmt: skip
    assert "The rule is for the month of the member's birthday." in said


def test_an_activity_is_tried_without_goods(signed_in: As, admin: Api):
    make(admin, kind="activity", activity="review", points=30, name="Review")
    visitor = signed_in("marketer")
    fields = form_of(visitor, "activity")
    fill(fields, {"/points": "12", "/activity": "review", "/name": "More"})
    told = words(visitor.post(f"{RULES}/try", fields, **{"HX-Request": "true"}))
    assert re.search(r"It would earn (\d+) points now it is (\d+) ", told)
    with_it, without = map(int, re.findall(r"earn (\d+) points now it is (\d+)", told)[0])
    assert with_it == without + 12


def test_a_cart_that_can_not_be_read_is_said(signed_in: As):
    visitor = signed_in("marketer")
    fields = trial(visitor, "rate", **{"/points": "1", "/per_amount": "1"})
    fields["/cart/lines/0/unit_price"] = "much"
    told = words(visitor.post(f"{RULES}/try", fields, **{"HX-Request": "true"}))
    assert "This must be an amount such as 12.50." in told
    fields["/cart/lines/0/unit_price"] = fields["/cart/lines/0/sku"] = ""
    told = words(visitor.post(f"{RULES}/try", fields, **{"HX-Request": "true"}))
    assert "Put something into the cart: a price at least." in told


@pytest.mark.parametrize("role", ["clerk", "manager", "analyst"])
def test_who_may_not_write_sees_no_form(signed_in: As, admin: Api, role: str):
    rule_id = make(admin, kind="per_order", points=50, name="Hello")
    visitor = signed_in(role)
    for path in (RULES, f"{RULES}/{rule_id}"):
        page = visitor.get(path)
        assert "Hello" in words(page)
        assert "<form" not in page.text.split("<main")[1]
        assert "/edit" not in page.text
    for path in (f"{RULES}/new", f"{RULES}/{rule_id}/edit"):
        assert visitor.get(path).status_code == 403
    for path in (RULES, f"{RULES}/try", f"{RULES}/{rule_id}/edit", f"{RULES}/{rule_id}/end"):
        assert visitor.post(path, {"kind": "per_order"}).status_code == 403


def test_what_is_not_there_is_not_found(signed_in: As):
    visitor = signed_in("marketer")
    gone = f"{RULES}/01890000-0000-7000-8000-000000000000"
    assert visitor.get(gone).status_code == 404
    assert visitor.get(gone + "/edit").status_code == 404
    assert visitor.post(gone + "/end").status_code == 404
    assert visitor.post(RULES, {"kind": "lottery"}).status_code == 404
