"""A shop may call its segments what it likes; codes and meanings stay."""

import pytest
from purchases import new_members
from sqlalchemy import text

from crm.db import db


def called(admin, language: str, code: str = "champions") -> str:
    return admin.get(f"/segments/{code}", headers={"Accept-Language": language}).json["name"]


def test_a_segment_is_renamed_in_one_language_and_keeps_its_code(admin):
    answer = admin.patch("/segments/champions", {"labels": {"zh-Hant": "金牌熟客"}})
    assert answer.status_code == 200, answer.json
    assert answer.json["code"] == "champions"
    assert answer.json["labels"] == {"en": None, "zh-Hans": None, "zh-Hant": "金牌熟客"}
    assert called(admin, "zh-TW") == "金牌熟客"
    assert called(admin, "en") == "Champions"


def test_the_name_is_used_wherever_the_segment_is_told(admin):
    (member,) = new_members(1)
    admin.patch("/segments/prospects", {"labels": {"en": "Guests to win"}})
    assert admin.get(f"/members/{member}/rfm").json["segment"]["name"] == "Guests to win"
    assert admin.get("/segments/prospects/members").status_code == 200


def test_null_gives_back_the_products_name(admin):
    admin.patch("/segments/loyal", {"labels": {"en": "Regulars", "zh-Hans": "熟客"}})
    admin.patch("/segments/loyal", {"labels": {"en": None}})
    assert (called(admin, "en", "loyal"), called(admin, "zh-CN", "loyal")) == ("Loyal", "熟客")


def test_a_renaming_is_in_the_audit_trail_once(admin):
    for _ in range(2):
        admin.patch("/segments/loyal", {"labels": {"en": "Regulars"}})
    rows = db.session.execute(
        text("SELECT before->>'en', after->>'en' FROM audit_entry WHERE action = 'segment.rename'")
    )
    assert [tuple(row) for row in rows] == [(None, "Regulars")]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/labels"),
        ({"labels": {"en": ""}}, "/labels/en"),
        ({"labels": {"zh-Hans": "x" * 41}}, "/labels/zh-Hans"),
        ({"labels": {"fr": "Fidèles"}}, "/labels/fr"),
        ({"labels": {"en": "a\u0000b"}}, "/labels/en"),
        ({"code": "vip", "labels": {}}, "/code"),
    ],
)
def test_a_name_that_can_not_be_is_refused_at_its_place(admin, body, pointer):
    answer = admin.patch("/segments/loyal", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_an_unknown_segment_can_not_be_renamed(admin):
    answer = admin.patch("/segments/nobodies", {"labels": {"en": "Nobodies"}})
    assert (answer.status_code, answer.json["code"]) == (404, "segment_not_found")
    assert admin.get("/segments/nobodies").status_code == 404


def test_renaming_needs_the_permission_to_write(api_with):
    body = {"labels": {"en": "Regulars"}}
    assert api_with("segments:read").patch("/segments/loyal", body).status_code == 403
