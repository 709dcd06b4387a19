"""Rules over HTTP: every kind, every condition, and every mistake named."""

from uuid import uuid4

import pytest

RATE = {"kind": "rate", "points": 1, "per_amount": 100}
MULTIPLIER = {"kind": "multiplier", "factor": "1.5"}
REVIEW = {"kind": "activity", "activity": "review", "points": 30, "requires_paid_order": True}
EVERYTHING = {
    "name": "周日 member day",
    "priority": -3,
    "exclusive_group": "day",
    "starts_at": "2026-11-01T00:00:00Z",
    "ends_at": "2027-11-01T00:00:00Z",
    "cap": {"per_order": 100, "per_member_day": 200},
    "conditions": {
        "skus": ["a"],
        "categories": ["b"],
        "labels": ["c"],
        "stores": ["sh-1"],
        "channels": ["web"],
        "weekdays": [1, 7],
        "local_time": {"from": "18:00", "to": "22:00"},
        "min_basis": 0,
        "tiers": ["gold"],
        "segments": ["champions"],
        "first_order": True,
        "birthday_month": True,
    },
}


@pytest.mark.parametrize(
    "body",
    [
        RATE,
        MULTIPLIER,
        {"kind": "per_order", "points": 50},
        {"kind": "per_unit", "points": 5},
        REVIEW,
        RATE | EVERYTHING,
        MULTIPLIER | EVERYTHING,
    ],
)
def test_every_kind_of_rule_is_made_and_read_back(admin, body):
    made = admin.post("/points/rules", body)
    assert made.status_code == 201
    made = made.get_json()
    assert {name: made[name] for name in body} == body
    assert (made["version"], made["ended_at"]) == (1, None)
    assert made in admin.get("/points/rules").get_json()["data"]
    foreign = {"points", "per_amount", "factor", "activity", "requires_paid_order"} - set(body)
    assert not foreign & set(made)


def test_a_rule_without_a_name_is_called_by_its_kind(admin):
    assert admin.post("/points/rules", MULTIPLIER).get_json()["name"] == "multiplier"


def test_a_change_is_a_new_version_and_whole(admin):
    made = admin.post("/points/rules", RATE | EVERYTHING).get_json()
    changed = admin.put(f"/points/rules/{made['id']}", RATE | {"points": 3})
    assert changed.status_code == 200
    changed = changed.get_json()
    assert (changed["id"], changed["version"], changed["points"]) == (made["id"], 2, 3)
    assert (changed["conditions"], changed["exclusive_group"]) == ({}, None)


def test_an_ended_rule_leaves_the_list_and_can_still_be_asked_for(admin):
    made = admin.post("/points/rules", RATE).get_json()
    assert admin.delete(f"/points/rules/{made['id']}").status_code == 204
    assert admin.delete(f"/points/rules/{made['id']}").status_code == 204
    listed = [rule["id"] for rule in admin.get("/points/rules").get_json()["data"]]
    assert made["id"] not in listed
    listed = admin.get("/points/rules?include_ended=true").get_json()["data"]
    (ended,) = [rule for rule in listed if rule["id"] == made["id"]]
    assert ended["ended_at"]
    answer = admin.put(f"/points/rules/{made['id']}", RATE)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "rule_ended")


def test_the_list_comes_in_pages(admin):
    made = [admin.post("/points/rules", RATE).get_json()["id"] for _ in range(4)]
    seen, cursor = [], ""
    while cursor is not None:
        answer = admin.get(f"/points/rules?limit=2{cursor and '&cursor=' + cursor}").get_json()
        assert len(answer["data"]) <= 2
        seen += [rule["id"] for rule in answer["data"]]
        cursor = answer["next_cursor"]
    assert seen[1:] == made


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_rule_is_not_found(admin, method):
    body = RATE if method == "PUT" else None
    answer = admin(method, f"/points/rules/{uuid4()}", body)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "rule_not_found")


def test_changing_rules_needs_the_permission(api_with):
    reader = api_with("programme:read")
    assert reader.get("/points/rules").status_code == 200
    assert reader.post("/points/rules", RATE).status_code == 403
    assert reader.put(f"/points/rules/{uuid4()}", RATE).status_code == 403
    assert reader.delete(f"/points/rules/{uuid4()}").status_code == 403


def without(body, *names):
    return {name: value for name, value in body.items() if name not in names}


def conditions(**given):
    return RATE | {"conditions": given}


MISTAKES = [
    ("/kind", "required", {"points": 1}),
    ("/kind", "unknown_choice", {"kind": "cashback"}),
    ("/points", "required", without(RATE, "points")),
    ("/per_amount", "required", without(RATE, "per_amount")),
    ("/factor", "required", without(MULTIPLIER, "factor")),
    ("/points", "required", {"kind": "per_order"}),
    ("/points", "required", {"kind": "per_unit"}),
    ("/activity", "required", without(REVIEW, "activity")),
    ("/points", "required", without(REVIEW, "points")),
    ("/factor", "not_for_this_kind", RATE | {"factor": "2"}),
    ("/points", "not_for_this_kind", MULTIPLIER | {"points": 2}),
    ("/per_amount", "not_for_this_kind", {"kind": "per_unit", "points": 1, "per_amount": 1}),
    ("/activity", "not_for_this_kind", RATE | {"activity": "review"}),
    ("/requires_paid_order", "not_for_this_kind", RATE | {"requires_paid_order": False}),
    ("/conditions/skus", "not_for_this_kind", REVIEW | {"conditions": {"skus": ["a"]}}),
    ("/conditions/stores", "not_for_this_kind", REVIEW | {"conditions": {"stores": ["a"]}}),
    ("/conditions/min_basis", "not_for_this_kind", REVIEW | {"conditions": {"min_basis": 1}}),
    (
        "/conditions/first_order",
        "not_for_this_kind",
        REVIEW | {"conditions": {"first_order": False}},
    ),
    ("/cap/per_order", "not_for_this_kind", REVIEW | {"cap": {"per_order": 1}}),
    ("/points", "out_of_range", RATE | {"points": 0}),
    ("/points", "out_of_range", RATE | {"points": 1_000_000_001}),
    ("/points", "out_of_range", RATE | {"points": 2**63}),
    ("/points", "invalid_type", RATE | {"points": True}),
    ("/points", "invalid_type", RATE | {"points": 1.5}),
    ("/points", "null", RATE | {"points": None}),
    ("/per_amount", "out_of_range", RATE | {"per_amount": 0}),
    ("/per_amount", "out_of_range", RATE | {"per_amount": 1_000_000_000_001}),
    ("/factor", "invalid_type", MULTIPLIER | {"factor": 1.5}),
    ("/factor", "bad_format", MULTIPLIER | {"factor": "-1"}),
    ("/factor", "bad_format", MULTIPLIER | {"factor": "1e3"}),
    ("/factor", "bad_format", MULTIPLIER | {"factor": "1000"}),
    ("/factor", "bad_format", MULTIPLIER | {"factor": "1.2345678"}),
    ("/factor", "bad_format", MULTIPLIER | {"factor": "NaN"}),
    ("/factor", "bad_format", MULTIPLIER | {"factor": "١"}),
    ("/activity", "unknown_choice", REVIEW | {"activity": "dance"}),
    ("/name", "too_short", RATE | {"name": " "}),
    ("/name", "too_long", RATE | {"name": "x" * 201}),
    ("/name", "not_storable", RATE | {"name": "a\u0000b"}),
    ("/name", "not_storable", RATE | {"name": "\ud800"}),
    ("/priority", "out_of_range", RATE | {"priority": 1_000_001}),
    ("/exclusive_group", "bad_format", RATE | {"exclusive_group": "a b"}),
    ("/starts_at", "invalid_instant", RATE | {"starts_at": "2027-02-30T00:00:00Z"}),
    ("/ends_at", "out_of_range", RATE | {"ends_at": "1969-12-31T23:59:59Z"}),
    (
        "/ends_at",
        "ends_before_start",
        RATE | {"starts_at": "2027-01-01T08:00:00+08:00", "ends_at": "2027-01-01T00:00:00Z"},
    ),
    ("/cap/per_order", "out_of_range", RATE | {"cap": {"per_order": -1}}),
    ("/cap/per_year", "unknown_field", RATE | {"cap": {"per_year": 1}}),
    ("/cap", "null", RATE | {"cap": None}),
    ("/conditions", "invalid_type", RATE | {"conditions": []}),
    ("/conditions/brand", "unknown_field", conditions(brand="x")),
    ("/conditions/skus", "invalid_type", conditions(skus="a")),
    ("/conditions/skus", "too_many", conditions(skus=["a"] * 1001)),
    ("/conditions/skus/1", "null", conditions(skus=["a", None])),
    ("/conditions/labels/0", "too_long", conditions(labels=["x" * 61])),
    ("/conditions/stores/0", "bad_format", conditions(stores=["a b"])),
    ("/conditions/tiers", "too_many", conditions(tiers=["a"] * 21)),
    ("/conditions/weekdays/0", "out_of_range", conditions(weekdays=[0])),
    ("/conditions/weekdays/1", "out_of_range", conditions(weekdays=[7, 8])),
    ("/conditions/weekdays/0", "invalid_type", conditions(weekdays=["monday"])),
    ("/conditions/local_time/to", "required", conditions(local_time={"from": "18:00"})),
    ("/conditions/local_time/from", "required", conditions(local_time={"to": "18:00"})),
    (
        "/conditions/local_time/from",
        "bad_format",
        conditions(local_time={"from": "8:00", "to": "09:00"}),
    ),
    (
        "/conditions/local_time/to",
        "bad_format",
        conditions(local_time={"from": "08:00", "to": "24:00"}),
    ),
    (
        "/conditions/local_time/to",
        "empty_window",
        conditions(local_time={"from": "08:00", "to": "08:00"}),
    ),
    ("/conditions/min_basis", "out_of_range", conditions(min_basis=-1)),
    ("/conditions/first_order", "invalid_type", conditions(first_order=1)),
    ("/conditions/birthday_month", "invalid_type", conditions(birthday_month="maybe")),
    ("/id", "unknown_field", RATE | {"id": str(uuid4())}),
    ("/valid_from", "unknown_field", RATE | {"valid_from": "1970-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize(("pointer", "code", "body"), MISTAKES)
def test_every_mistake_is_named_and_nothing_is_stored(admin, pointer, code, body):
    answer = admin.post("/points/rules", body)
    assert answer.status_code == 422, answer.get_json()
    errors = [(error["pointer"], error["code"]) for error in answer.get_json()["errors"]]
    assert (pointer, code) in errors
    assert len(admin.get("/points/rules").get_json()["data"]) == 1


def test_several_mistakes_are_named_at_once(admin):
    body = {"kind": "activity", "factor": "2", "conditions": {"skus": ["a"]}}
    errors = admin.post("/points/rules", body).get_json()["errors"]
    pointers = {error["pointer"] for error in errors}
    assert pointers == {"/activity", "/points", "/factor", "/conditions/skus"}


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x", "page=2"])
def test_a_page_that_does_not_exist_is_refused(admin, query):
    assert admin.get(f"/points/rules?{query}").status_code == 422


def test_an_id_that_is_none_is_not_found(admin):
    assert admin.put("/points/rules/1", RATE).status_code == 404
