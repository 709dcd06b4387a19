"""The ladder over HTTP."""

import pytest
from sqlalchemy import text
from tier_worlds import tier

from crm.db import db

CODES = ["new", "bronze", "silver", "gold", "diamond"]


def test_the_default_ladder_is_read(admin):
    answer = admin.get("/tiers")
    assert answer.status_code == 200
    body = answer.json
    assert body["version"] == 1
    assert [one["code"] for one in body["tiers"]] == CODES
    assert body["tiers"][1]["name"]["zh-Hant"] == "銅牌"
    assert body["tiers"][0]["qualify"] == {"any": []}
    assert body["window"] == {"kind": "rolling_months", "months": 12}
    settings = ("validity_months", "downgrade", "grace_days", "refund_fallback")
    assert [body[name] for name in settings] == [12, "one_step", 0, True]


def test_what_was_read_can_be_sent_back_with_a_change(admin, coupon_template):
    body = admin.get("/tiers").json
    body["tiers"][1]["multiplier"] = "1.25"
    body["tiers"][1]["benefits"] = {
        "birthday_coupon": str(coupon_template()),
        "monthly_coupons": [str(coupon_template())],
        "discount_percent": 5,
        "free_shipping": True,
        "custom": {"en": "A seat by the window"},
        "lounge": {"city": "Shanghai", "guests": 2},
    }
    body["effective_at"] = "2026-12-01T00:00:00Z"
    answer = admin.put("/tiers", body)
    assert answer.status_code == 200, answer.json
    assert answer.json == body | {"version": 2}
    assert admin.get("/tiers?at=2026-12-01T00:00:00Z").json == body | {"version": 2}


def test_a_change_is_audited_and_announced_once(admin):
    answer = admin.put("/tiers", {"grace_days": 14})
    assert answer.status_code == 200
    task = db.session.execute(text("SELECT job, key, args, due_at FROM task")).one()
    assert tuple(task[:3]) == ("tiers.ladder_changed", "tiers.ladder_changed:2", [2])
    entry = db.session.execute(
        text("SELECT object_id, before, after FROM audit_entry WHERE action = 'tiers.changed'")
    ).one()
    assert entry.object_id == "2"
    assert (entry.before["grace_days"], entry.after["grace_days"]) == (0, 14)


def test_a_refused_ladder_leaves_nothing(admin):
    answer = admin.put("/tiers", {"tiers": []})
    assert answer.status_code == 422
    assert db.session.execute(text("SELECT count(*) FROM tier_ladder")).scalar_one() == 1
    assert db.session.execute(text("SELECT count(*) FROM task")).scalar_one() == 0


LOW, HIGH = tier("new"), tier("gold", spend=100)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"tiers": [LOW, LOW]}, "/tiers/1/code", "duplicate_code"),
        ({"tiers": [HIGH]}, "/tiers/0/qualify", "lowest_not_open"),
        ({"tiers": [LOW | {"keep": HIGH["qualify"]}]}, "/tiers/0/keep", "lowest_not_open"),
        ({"tiers": [LOW, tier("gold")]}, "/tiers/1/qualify", "no_conditions"),
        ({"tiers": [LOW, HIGH | {"keep": {"all": []}}]}, "/tiers/1/keep", "no_conditions"),
        ({"tiers": [LOW | {"qualify": {}}]}, "/tiers/0/qualify", "any_or_all"),
        ({"tiers": [LOW | {"qualify": {"any": [], "all": []}}]}, "/tiers/0/qualify", "any_or_all"),
        ({"tiers": [LOW, tier("gold", fame=1)]}, None, "unknown_choice"),
        ({"tiers": [LOW, tier("gold", spend=-1)]}, None, "out_of_range"),
        ({"tiers": [LOW, tier("gold", spend=True)]}, None, "invalid_type"),
        ({"tiers": [LOW, tier("gold", spend="5")]}, None, "invalid_type"),
        ({"tiers": [LOW | {"name": {"zh-Hans": "新"}}]}, "/tiers/0/name/en", "required"),
        ({"tiers": [LOW | {"name": {"en": "A", "xx": "B"}}]}, "/tiers/0/name/xx", "unknown_field"),
        ({"tiers": [LOW | {"name": "New"}]}, "/tiers/0/name", "invalid_type"),
        ({"tiers": [LOW | {"code": "a b"}]}, "/tiers/0/code", "bad_format"),
        ({"tiers": [LOW | {"code": 5}]}, "/tiers/0/code", "invalid_type"),
        ({"tiers": [LOW | {"multiplier": 1.2}]}, "/tiers/0/multiplier", "invalid_type"),
        ({"tiers": [LOW | {"multiplier": "1e3"}]}, "/tiers/0/multiplier", "bad_format"),
        ({"tiers": [LOW | {"multiplier": "-1"}]}, "/tiers/0/multiplier", "bad_format"),
        ({"tiers": [LOW | {"multiplier": "1.23456"}]}, "/tiers/0/multiplier", "bad_format"),
        ({"tiers": [LOW | {"multiplier": "100.01"}]}, "/tiers/0/multiplier", "out_of_range"),
        (
            {"tiers": [LOW | {"benefits": {"discount_percent": 101}}]},
            "/tiers/0/benefits/discount_percent",
            "out_of_range",
        ),
        (
            {"tiers": [LOW | {"benefits": {"story": "x" * 4000}}]},
            "/tiers/0/benefits",
            "too_large",
        ),
        ({"tiers": [LOW | {"benefits": []}]}, "/tiers/0/benefits", "invalid_type"),
        ({"tiers": "x"}, "/tiers", "invalid_type"),
        ({"tiers": None}, "/tiers", "null"),
        (
            {"tiers": [LOW, *(tier(f"t{number}", spend=number) for number in range(20))]},
            "/tiers",
            "too_many",
        ),
        ({"window": {"kind": "weekly"}}, "/window/kind", "unknown_choice"),
        ({"window": {"months": 3}}, "/window/kind", "required"),
        ({"window": {"kind": "rolling_months", "months": 0}}, "/window/months", "out_of_range"),
        ({"validity_months": 121}, "/validity_months", "out_of_range"),
        ({"validity_months": 1.0}, "/validity_months", "invalid_type"),
        ({"downgrade": "up"}, "/downgrade", "unknown_choice"),
        ({"grace_days": 367}, "/grace_days", "out_of_range"),
        ({"refund_fallback": 1}, "/refund_fallback", "invalid_type"),
        ({"effective_at": "tomorrow"}, "/effective_at", "invalid_instant"),
        ({"vanished": {}}, "/vanished", "unknown_field"),
        ([], "", "invalid_type"),
    ],
)
def test_what_is_no_ladder_is_refused_naming_the_place(admin, body, pointer, code):
    answer = admin.put("/tiers", body)
    assert answer.status_code == 422, answer.json
    assert answer.json["code"] == "validation_failed"
    found = [(one["pointer"], one["code"]) for one in answer.json["errors"]]
    assert code in [one[1] for one in found]
    if pointer is not None:
        assert (pointer, code) in found


def test_all_mistakes_are_named_at_once(admin):
    body = {"tiers": [HIGH, HIGH, tier("gold")]}
    answer = admin.put("/tiers", body)
    found = {(one["pointer"], one["code"]) for one in answer.json["errors"]}
    assert found == {
        ("/tiers/0/qualify", "lowest_not_open"),
        ("/tiers/1/code", "duplicate_code"),
        ("/tiers/2/code", "duplicate_code"),
        ("/tiers/2/qualify", "no_conditions"),
    }


def test_mistakes_are_told_in_the_readers_language(admin):
    answer = admin.put("/tiers", {"tiers": [LOW, LOW]}, headers={"Accept-Language": "zh-Hans"})
    assert answer.json["errors"][0]["detail"] == "已有另一个等级用了这个代码。"


def test_reading_and_changing_need_their_permissions(api_with):
    reader = api_with("programme:read")
    assert reader.get("/tiers").status_code == 200
    assert reader.put("/tiers", {"grace_days": 1}).status_code == 403
    assert api_with("members:read").get("/tiers").status_code == 403


def test_a_change_from_an_older_version_is_a_conflict(admin):
    assert admin.put("/tiers", {"grace_days": 1, "version": 1}).status_code == 200
    answer = admin.put("/tiers", {"grace_days": 2, "version": 1})
    assert answer.status_code == 409
    assert (answer.json["code"], answer.json["version"]) == ("ladder_changed", 2)
