"""Members from all sides: lookup with orders, profile, timeline."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from api_client import Api

from crm import clock
from crm.http.fields import instant_text


@pytest.fixture
def lin(admin: Api) -> str:
    """The id of a member with a shop."""
    admin.post("/stores", {"code": "jingan", "name": {"en": "Jing’an"}})
    body = {"phone": "13812344471", "name": "林晓雯", "home_store": "jingan", "tags": ["礼盒客"]}
    return admin.post("/members", body).json["id"]


def buy(admin: Api, member: str, order_no: str, at: datetime, yuan: int = 200) -> dict[str, Any]:
    """A paid order."""
    body = {
        "member": {"id": member},
        "status": "paid",
        "placed_at": instant_text(at),
        "paid_at": instant_text(at),
        "updated_at": instant_text(at),
        "currency": "CNY",
        "store": "jingan",
        "lines": [
            {"line_no": 1, "sku": "T1", "name": "Tea", "quantity": 1, "unit_price": yuan * 100}
        ],
    }
    answer = admin.put(f"/orders/pos/{order_no}", body)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.parametrize(
    ("typed", "shape"),
    [
        ("JA20261118-0932", "order_no"),
        (" JA20261118-0932 ", "order_no"),
        ("2026111809324471", "order_no"),
        ("99887766", "order_no"),
        ("4471", "phone_end"),
        ("13812344471", "phone"),
        ("lxw", "name"),
        ("林曉", "name"),
    ],
)
def test_the_box_finds_a_member_by_an_order_as_well(
    admin: Api, lin: str, typed: str, shape: str, now: datetime
):
    for order_no in ("JA20261118-0932", "2026111809324471", "99887766"):
        buy(admin, lin, order_no, now - timedelta(days=30))
    answer = admin.post("/members/lookup", {"q": typed, "store": "jingan"})
    assert answer.status_code == 200
    assert [hit["id"] for hit in answer.json["data"]] == [lin]
    assert (answer.json["shape"], answer.json["more"]) == (shape, False)
    assert answer.json["data"][0]["phone"] == "138 •••• 4471"


def test_a_visit_shows_in_the_hit(admin: Api, lin: str):
    at = clock.now() + timedelta(0)
    buy(admin, lin, "A-1", at)
    hit = admin.post("/members/lookup", {"q": "4471"}).json["data"][0]
    assert hit["last_seen_at"] >= instant_text(at)[:19]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/q"),
        ({"q": ""}, "/q"),
        ({"q": 4471}, "/q"),
        ({"q": "x" * 201}, "/q"),
        ({"q": "a\x00"}, "/q"),
        ({"q": "4471", "store": "a b"}, "/store"),
        ({"q": "4471", "all": True}, "/all"),
    ],
)
def test_bad_questions_are_refused_naming_the_field(admin: Api, body: dict, pointer: str):
    answer = admin.post("/members/lookup", body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == pointer


def test_the_profile_tells_all_sides(admin: Api, lin: str, now: datetime):
    buy(admin, lin, "A-1", now - timedelta(days=60), yuan=100)
    buy(admin, lin, "A-2", now - timedelta(days=30), yuan=300)
    admin.put(f"/members/{lin}/consents/sms/marketing", {"granted": True})
    admin.post(f"/members/{lin}/notes", {"text": "素色包装"})
    body = {"name": "Spring", "kind": "amount", "value": 2000}
    template = admin.post("/coupon-templates", body).json["id"]
    given = {"member": {"id": lin}, "occasion": "spring"}
    code = admin.post(f"/coupon-templates/{template}/issue", given).json["code"]
    found = admin.get(f"/members/{lin}/profile").json
    assert [one["code"] for one in found["coupons"]] == [code]
    assert found["member"]["name"] == "林晓雯"
    assert found["member"]["tags"] == ["礼盒客"]
    assert found["tier"]["tier"]["code"] == "bronze"
    assert found["points"]["available"] + found["points"]["pending"] == 400
    assert [order["order_no"] for order in found["orders"]] == ["A-2", "A-1"]
    assert found["purchases"]["monetary"] == {"amount": 40_000, "currency": "CNY"}
    assert (found["purchases"]["days"], found["purchases"]["mean_gap_days"]) == (2, 30)
    assert found["segment"]["features"]["frequency"] == 2
    assert [one["channel"] for one in found["consents"]] == ["sms"]
    assert [one["text"] for one in found["notes"]] == ["素色包装"]


def test_a_member_who_never_bought_has_a_profile_too(admin: Api, lin: str):
    found = admin.get(f"/members/{lin}/profile").json
    assert found["purchases"] is None
    assert found["orders"] == found["notes"] == []
    assert found["points"]["available"] == 0
    assert found["tier"]["tier"]["code"] == "new"


def test_a_key_sees_the_parts_that_it_may_see(
    admin: Api, lin: str, api_with: Callable[..., Api], now: datetime
):
    buy(admin, lin, "A-1", now - timedelta(days=30))
    reader = api_with("members:read")
    found = reader.get(f"/members/{lin}/profile").json
    assert found["member"]["id"] == lin
    assert (found["orders"], found["points"], found["segment"]) == (None, None, None)
    assert found["coupons"] is None
    kinds = {item["kind"] for item in reader.get(f"/members/{lin}/timeline").json["data"]}
    assert kinds <= {"registered", "tier_changed", "tier_kept"}
    assert api_with("orders:read").get(f"/members/{lin}/profile").status_code == 403


def test_the_timeline_tells_everything_newest_first_and_in_pages(
    admin: Api, lin: str, now: datetime
):
    at = now - timedelta(days=30)
    buy(admin, lin, "A-1", at)
    refund = {"refunded_at": instant_text(at + timedelta(days=1)), "amount": 1_000}
    admin.put("/orders/pos/A-1/refunds/R-1", refund)
    admin.put(f"/members/{lin}/tags/vip")
    admin.post(f"/members/{lin}/notes", {"text": "hi"})
    whole = admin.get(f"/members/{lin}/timeline").json["data"]
    kinds = [item["kind"] for item in whole]
    assert {"order", "refund", "points", "registered", "tag_added", "note"} <= set(kinds)
    assert [item["at"] for item in whole] == sorted((i["at"] for i in whole), reverse=True)
    order = next(item["data"] for item in whole if item["kind"] == "order")
    assert (order["order_no"], order["total"]) == ("A-1", {"amount": 20_000, "currency": "CNY"})
    paged: list[dict] = []
    cursor = ""
    while True:
        page = admin.get(f"/members/{lin}/timeline?limit=2{cursor}").json
        paged += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == whole


def test_nobody_has_no_profile(admin: Api):
    nobody = "00000000-0000-7000-8000-000000000000"
    for path in ("profile", "timeline"):
        assert admin.get(f"/members/{nobody}/{path}").status_code == 404
