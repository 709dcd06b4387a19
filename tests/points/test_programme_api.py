"""The programme over HTTP: shape, versions, and every mistake named."""

import pytest

WHOLE = {
    "currency": "CNY",
    "timezone": "Europe/Paris",
    "rounding": "half_up",
    "basis": {
        "include_tax": False,
        "include_shipping": True,
        "points_tender_earns": True,
        "excluded": {"skus": ["a"], "categories": ["b"], "labels": ["c"]},
    },
    "pending": {"policy": "manual", "days": 0, "fallback_days_after_paid": 3650},
    "expiry": {"policy": "fixed_day", "months": 600, "month": 2, "day": 31},
    "redemption": {
        "points_per_step": 1,
        "value_per_step": 1,
        "min_points": 0,
        "max_share_percent": 100,
    },
    "refund": {
        "shortfall": "floor_at_zero",
        "take_other_lots": False,
        "restore_lapsed": "lapse",
        "grace_days": 0,
    },
    "caps": {"per_order": 0, "per_member_day": 1, "per_member_month": 1_000_000_000},
    "adjustment": {
        "clerk": {"per_act": 0, "per_day": 1},
        "manager": {"per_act": 2, "per_day": 3},
    },
}


def test_the_whole_document_is_written_and_read_back(admin):
    written = admin.put("/points/programme", WHOLE)
    assert written.status_code == 200
    read = admin.get("/points/programme").get_json()
    assert read == written.get_json()
    assert {name: read[name] for name in WHOLE} == WHOLE
    assert read["version"] == 2
    assert read["effective_at"].endswith("Z")


def test_an_empty_change_is_a_version_like_the_last(admin):
    before = admin.get("/points/programme").get_json()
    after = admin.put("/points/programme", {}).get_json()
    assert after == before | {"version": 2, "effective_at": after["effective_at"]}


def test_the_programme_of_another_instant_can_be_read(admin):
    later = "2150-01-01T00:00:00Z"
    admin.put("/points/programme", {"rounding": "ceil", "effective_at": later})
    assert admin.get("/points/programme").get_json()["rounding"] == "floor"
    assert admin.get(f"/points/programme?at={later}").get_json()["rounding"] == "ceil"
    assert admin.get("/points/programme?at=1999-01-01T00:00:00Z").get_json()["version"] == 1


def test_a_change_made_from_an_old_version_is_refused(admin):
    admin.put("/points/programme", {"rounding": "ceil", "version": 1})
    answer = admin.put("/points/programme", {"rounding": "half_up", "version": 1})
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "programme_changed"
    assert answer.get_json()["version"] == 2


def test_reading_and_writing_need_their_permissions(api_with, client):
    reader = api_with("programme:read")
    assert reader.get("/points/programme").status_code == 200
    assert reader.put("/points/programme", {}).status_code == 403
    assert api_with("members:read").get("/points/programme").status_code == 403
    assert client.get("/api/v1/points/programme").status_code == 401


MISTAKES = [
    ("/currency", "unknown_currency", "XXY"),
    ("/currency", "bad_format", "cny"),
    ("/currency", "invalid_type", 156),
    ("/timezone", "unknown_timezone", "Asia/Peking"),
    ("/timezone", "unknown_timezone", "../../etc/passwd"),
    ("/timezone", "invalid_type", True),
    ("/rounding", "unknown_choice", "nearest"),
    ("/rounding", "null", None),
    ("/effective_at", "invalid_instant", "tomorrow"),
    ("/effective_at", "invalid_instant", "2027-01-01T00:00:00"),
    ("/effective_at", "out_of_range", "2201-01-01T00:00:00Z"),
    ("/version", "out_of_range", 0),
    ("/basis", "type", []),
    ("/basis/include_tax", "invalid_type", 1),
    ("/basis/include_shipping", "invalid_type", "yes"),
    ("/basis/points_tender_earns", "null", None),
    ("/basis/excluded/skus", "invalid_type", "a"),
    ("/basis/excluded/skus", "too_many", ["x"] * 1001),
    ("/basis/excluded/skus/0", "too_short", [""]),
    ("/basis/excluded/categories/1", "invalid_type", ["a", 7]),
    ("/basis/excluded/labels/0", "too_long", ["x" * 61]),
    ("/basis/excluded/brands", "unknown_field", ["x"]),
    ("/pending/policy", "unknown_choice", "later"),
    ("/pending/days", "out_of_range", -1),
    ("/pending/days", "out_of_range", 3651),
    ("/pending/days", "invalid_type", 7.0),
    ("/pending/days", "invalid_type", "7"),
    ("/pending/days", "invalid_type", True),
    ("/pending/fallback_days_after_paid", "out_of_range", 2**40),
    ("/expiry/policy", "unknown_choice", ""),
    ("/expiry/months", "out_of_range", 0),
    ("/expiry/months", "out_of_range", 601),
    ("/expiry/month", "out_of_range", 13),
    ("/expiry/day", "out_of_range", 32),
    ("/redemption/points_per_step", "out_of_range", 0),
    ("/redemption/points_per_step", "out_of_range", 1_000_000_001),
    ("/redemption/value_per_step", "out_of_range", 0),
    ("/redemption/min_points", "out_of_range", -1),
    ("/redemption/max_share_percent", "out_of_range", 101),
    ("/redemption/max_share_percent", "invalid_type", 0.5),
    ("/refund/shortfall", "unknown_choice", "ignore"),
    ("/refund/take_other_lots", "invalid_type", None),
    ("/refund/restore_lapsed", "unknown_choice", "never"),
    ("/refund/grace_days", "out_of_range", 3651),
    ("/caps/per_order", "out_of_range", -1),
    ("/caps/per_member_day", "invalid_type", "10"),
    ("/caps/per_member_month", "out_of_range", 1_000_000_001),
    ("/caps/per_year", "unknown_field", 1),
    ("/adjustment/clerk/per_act", "out_of_range", -5),
    ("/adjustment/manager/per_day", "null", None),
    ("/adjustment/admin", "unknown_field", {}),
    ("/colour", "unknown_field", "red"),
]


def at_pointer(pointer, value):
    """The smallest document that has `value` at `pointer`; list places are left to the value."""
    names = [name for name in pointer.split("/")[1:] if not name.isdigit()]
    for name in reversed(names):
        value = {name: value}
    return value


@pytest.mark.parametrize(("pointer", "code", "value"), MISTAKES)
def test_every_mistake_is_named_and_nothing_is_stored(admin, pointer, code, value):
    code = "null" if value is None else {"type": "invalid_type"}.get(code, code)
    answer = admin.put("/points/programme", at_pointer(pointer, value))
    assert answer.status_code == 422, answer.get_json()
    errors = answer.get_json()["errors"]
    assert [(error["pointer"], error["code"]) for error in errors] == [(pointer, code)]
    assert admin.get("/points/programme").get_json()["version"] == 1


@pytest.mark.parametrize("body", ["[]", '"x"', "7", "null"])
def test_a_body_that_is_no_object_is_refused(admin, body):
    assert admin.put("/points/programme", body).status_code == 422


@pytest.mark.parametrize(
    "body", ['{"pending":{"days":NaN}}', '{"rounding":"ceil","rounding":"floor"}']
)
def test_what_is_not_json_is_malformed(admin, body):
    assert admin.put("/points/programme", body).status_code == 400


def test_refusals_speak_the_readers_language(admin):
    body = {"currency": "USD", "effective_at": "2150-01-01T00:00:00Z"}
    for language, words in (("en", "at once"), ("zh-Hans", "立即"), ("zh-Hant", "立即")):
        answer = admin.put("/points/programme", body, headers={"Accept-Language": language})
        assert answer.status_code == 422
        assert answer.get_json()["code"] == "currency_not_schedulable"
        assert words in answer.get_json()["detail"]
