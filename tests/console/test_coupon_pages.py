"""Coupons in the console: made, changed, ended; codes added and taken; checked at the till."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from api_client import Api
from filling import filled_in
from shop import EVIL
from sqlalchemy import text
from visitor import Visitor, words
from werkzeug.datastructures import FileStorage

from crm.console.coupon_words import KINDS
from crm.coupons import guessing
from crm.db import db, transaction

As = Callable[..., Visitor]


def make(admin: Api, **changes: Any) -> str:
    body = {"name": "Spring", "kind": "amount", "value": 2000}
    answer = admin.post("/coupon-templates", body | changes)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["id"]


def issue(admin: Api, template: str, member: object) -> str:
    body = {"member": {"id": str(member)}, "occasion": uuid4().hex}
    answer = admin.post(f"/coupon-templates/{template}/issue", body)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["code"]


def read(admin: Api, template: str) -> dict[str, Any]:
    return admin.get(f"/coupon-templates/{template}").get_json()


def test_a_percentage_is_made_with_everything_and_reads_back_the_same(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get("/coupons/new", {"kind": "percent"}).text, "/coupons")
    typed = {
        "/name": "Tea day", "/value": "15", "/max_discount": "50.00", "/min_basis": "99.50",
        "/scope/skus": "tea-1\ntea-2", "/scope/categories": "茶", "/validity/days": "",
        "/validity/from": "2026-12-01T00:00", "/validity/until": "2027-01-01T00:00",
        "/per_member_limit": "2", "/stock": "1,000", "/budget": "20000", "/stackable": "true",
    }  # fmt: skip
    for name, value in typed.items():
        fields[name] = value
    answer = visitor.post("/coupons", fields)
    assert answer.status_code == 303, words(answer)
    made = admin.get("/coupon-templates").get_json()["data"][0]
    assert (made["kind"], made["value"], made["max_discount"]) == ("percent", 15, 5000)
    assert (made["min_basis"], made["stock"], made["budget"]) == (9950, 1000, 2_000_000)
    assert made["scope"] == {"skus": ["tea-1", "tea-2"], "categories": ["茶"]}
    assert made["validity"] == {"from": "2026-11-30T16:00:00Z", "until": "2026-12-31T16:00:00Z"}
    assert (made["per_member_limit"], made["stackable"]) == (2, True)
    assert made["returns_on_refund"] is True
    page = words(visitor.get(answer.location.removeprefix("/console")))
    assert "15% off, at most ¥50" in page
    assert "2026-12-01 to 2026-12-31" in page
    edited = filled_in(visitor.get(f"/coupons/{made['id']}/edit").text, "/edit")
    assert visitor.post(f"/coupons/{made['id']}/edit", edited).status_code == 303
    assert read(admin, made["id"]) == made


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_form_that_says_what_is_missing(signed_in: As, kind: str):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get("/coupons/new", {"kind": kind}).text, "/coupons")
    answer = visitor.post("/coupons", fields)
    assert answer.status_code == 422
    assert "Nothing was saved yet" in words(answer)
    assert 'id="f-name-wrong"' in answer.text
    fields["/name"] = "Coupon"
    needed = {
        "amount": ("/value", "20"),
        "percent": ("/value", "15"),
        "gift": ("/gift/name", "Cup"),
        "points_multiplier": ("/factor", "1.5"),
    }
    if kind in needed:
        name, value = needed[kind]
        fields[name] = value
    if kind == "gift":
        fields["/value"] = "12.50"
    assert visitor.post("/coupons", fields).status_code == 303


def test_what_coupons_are_good_for_can_not_be_changed_once_there_are_some(
    signed_in: As, admin: Api, person
):
    template = make(admin)
    issue(admin, template, person())
    visitor = signed_in("marketer")
    page = visitor.get(f"/coupons/{template}/edit")
    assert "what they are good for stays" in words(page)
    fields = filled_in(page.text, "/edit")
    assert "/value" not in fields
    fields["/stock"] = "0"
    refused = visitor.post(f"/coupons/{template}/edit", fields)
    assert refused.status_code == 422
    assert "1 coupon has been given already." in words(refused)
    fields["/stock"], fields["/name"] = "5", "Renamed"
    assert visitor.post(f"/coupons/{template}/edit", fields).status_code == 303
    assert (read(admin, template)["stock"], read(admin, template)["name"]) == (5, "Renamed")
    acts = admin.get("/audit?limit=1").get_json()["data"]
    assert (acts[0]["action"], acts[0]["actor"]["name"]) == (
        "coupon_template.changed", "Chen Rui",
    )  # fmt: skip


def test_a_coupon_is_ended_and_given_again(signed_in: As, admin: Api):
    template, visitor = make(admin), signed_in("manager")
    visitor.get(f"/coupons/{template}")
    assert visitor.post(f"/coupons/{template}/end").status_code == 303
    assert read(admin, template)["state"] == "ended"
    assert "Spring" not in words(visitor.get("/coupons"))
    assert "Spring" in words(visitor.get("/coupons", {"state": "all"}))
    assert visitor.post(f"/coupons/{template}/end", {"open": "1"}).status_code == 303
    assert read(admin, template)["state"] == "open"


def test_codes_are_drawn_or_brought_by_list_and_file(signed_in: As, admin: Api):
    template, visitor = make(admin), signed_in("marketer")
    path = f"/coupons/{template}"
    visitor.get(path)
    drawn = visitor.post(f"{path}/codes", {"/count": "3"})
    assert drawn.status_code == 303
    assert "3 codes were added." in words(visitor.get(drawn.location.removeprefix("/console")))
    visitor.post(f"{path}/codes", {"/codes": "GIFT-0001\ngift-0001\n\nGIFT-0002"})
    file = FileStorage(BytesIO(b'\xef\xbb\xbf"FILE-0001";x\nGIFT-0001,y\n'), "codes.csv")
    brought = visitor.post(f"{path}/codes", {"/codes": "", "file": file})
    assert "added=1&known=1" in brought.location
    page = visitor.get(path)
    assert {"GIFT-0001", "GIFT-0002", "FILE-0001"} <= set(words(page).split())
    assert read(admin, template)["pool"] == 6


def test_codes_that_can_not_be_are_told_and_nothing_is_added(signed_in: As, admin: Api):
    template, visitor = make(admin), signed_in("marketer")
    path = f"/coupons/{template}/codes"
    visitor.get(f"/coupons/{template}")
    for fields in (
        {"/count": ""}, {"/count": "many"}, {"/count": "0"}, {"/codes": "GOOD-CODE\n?"},
        {"/codes": "", "file": FileStorage(BytesIO(b"\xff\xfe\x00"), "codes.bin")},
    ):  # fmt: skip
        answer = visitor.post(path, fields)
        assert answer.status_code == 422, fields
        assert "No codes were added" in words(answer)
    assert read(admin, template)["pool"] == 0


def test_codes_are_taken_as_a_file_and_that_is_on_record(signed_in: As, admin: Api, person):
    template, visitor = make(admin), signed_in("marketer")
    code = issue(admin, template, person())
    visitor.get(f"/coupons/{template}")
    answer = visitor.post(f"/coupons/{template}/codes.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    lines = answer.text.removeprefix("\ufeff").splitlines()
    assert lines[0].startswith("code,state,member_id")
    assert lines[1].startswith(f"{code},issued,")
    assert admin.get("/audit?limit=1").get_json()["data"][0]["action"] == "coupon_template.exported"


def test_who_may_not_manage_coupons_sees_no_codes_and_no_buttons(signed_in: As, admin: Api, person):
    template = make(admin)
    code = issue(admin, template, person())
    visitor = signed_in("clerk")
    page = visitor.get(f"/coupons/{template}")
    assert page.status_code == 200
    assert code not in page.text
    assert "End this coupon" not in page.text
    assert visitor.post(f"/coupons/{template}/codes", {"/count": "1"}).status_code == 403
    assert visitor.post(f"/coupons/{template}/codes.csv").status_code == 403


def test_the_till_checks_a_code(signed_in: As, admin: Api, person):
    member = person()
    code = issue(admin, make(admin, min_basis=10000), member)
    visitor = signed_in("clerk")
    assert "Check a coupon" in words(visitor.get("/till"))
    found = words(visitor.post("/coupons/check", {"code": f" {code.lower()[:6]} {code[6:]}"}))
    assert "This coupon can be used." in found
    assert "¥20 off" in found
    assert "from ¥100" in found
    admin.post(f"/coupons/{code}/use", {"channel": "web", "order_no": "1"})
    used = words(visitor.post("/coupons/check", {"code": code}))
    assert "This coupon was used at 20" in used
    assert "can be used." not in used
    assert visitor.post("/coupons/check", {"code": "NOSUCHCODE"}).status_code == 404


def test_guessing_at_the_till_is_slow_too(signed_in: As):
    visitor = signed_in("clerk")
    visitor.get("/coupons/check")
    answers = [
        visitor.post("/coupons/check", {"code": f"GUESS{n}"}) for n in range(guessing.MOST + 1)
    ]
    assert [one.status_code for one in answers] == [404] * guessing.MOST + [429]
    assert "Too many unknown codes" in words(answers[-1])


def test_a_member_s_page_shows_what_he_can_use(signed_in: As, admin: Api, person, stand_at, now):
    stand_at(now)
    member = person()
    code = issue(admin, make(admin, name=EVIL), member)
    page = signed_in("clerk").get(f"/members/{member}")
    assert code in words(page)
    assert "<script>alert" not in page.text
    assert "22 Dec" in words(page)


def test_a_cursor_or_state_that_no_page_made_is_refused(signed_in: As, admin: Api):
    template, visitor = make(admin), signed_in("admin")
    for path in ("/coupons", f"/coupons/{template}"):
        assert visitor.get(path, {"cursor": "x"}).status_code == 422
        assert visitor.get(path, {"state": "x"}).status_code == 422
    assert visitor.get(f"/coupons/{uuid4()}").status_code == 404


def test_staff_give_a_coupon_once_however_often_the_form_is_sent(signed_in: As, admin: Api, person):
    member, template = person(), make(admin)
    make(admin, name="Sold out", stock=0)
    visitor = signed_in("clerk")
    page = visitor.get(f"/members/{member}")
    assert "Spring (¥20 off)" in words(page)
    assert "Sold out" not in words(page)
    fields = filled_in(page.text, "/coupons")
    fields["template"] = template
    for _ in range(2):
        assert visitor.post(f"/members/{member}/coupons", fields).status_code == 303
    mine = admin.get(f"/members/{member}/coupons").get_json()["data"]
    assert [one["source"] for one in mine] == [{"type": "staff", "id": "Chen Rui"}]
    act = admin.get("/audit?limit=1").get_json()["data"][0]
    assert (act["action"], act["object_id"]) == ("coupon.given", mine[0]["code"])
    assert visitor.post(f"/members/{member}/coupons", {"template": "x"}).status_code == 422


def test_nobody_gives_coupons_to_his_own_record(signed_in: As, admin: Api, person):
    member, template = person(), make(admin)
    visitor = signed_in("clerk")
    with transaction():
        db.session.execute(text("UPDATE staff SET member_id = :id"), {"id": member})
    assert "Give a coupon" not in words(visitor.get(f"/members/{member}"))
    fields = {"template": template, "form": str(uuid4())}
    assert visitor.post(f"/members/{member}/coupons", fields).status_code == 403
    assert admin.get(f"/members/{member}/coupons").get_json()["data"] == []


def test_a_coupon_is_taken_back_with_a_reason_on_record(signed_in: As, admin: Api, person):
    code = issue(admin, make(admin), person())
    visitor = signed_in("manager")
    visitor.get("/coupons/check")
    page = visitor.post("/coupons/check", {"code": code})
    fields = filled_in(page.text, "/coupons/void")
    assert visitor.post("/coupons/void", fields).status_code == 422
    fields["reason"] = "given by mistake"
    assert visitor.post("/coupons/void", fields).status_code == 303
    assert admin.get(f"/coupons/{code}").get_json()["state"] == "void"
    act = admin.get("/audit?limit=1").get_json()["data"][0]
    assert (act["action"], act["reason"]) == ("coupon.voided", "given by mistake")
    assert "This coupon is void." in words(visitor.post("/coupons/check", {"code": code}))
