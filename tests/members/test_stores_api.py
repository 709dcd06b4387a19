"""Stores over HTTP."""

from collections.abc import Callable

import pytest
from api_client import Api

JINGAN = {
    "code": "jingan",
    "name": {"en": "Jing’an", "zh-Hans": "静安店", "zh-Hant": "靜安店"},
    "timezone": "Asia/Shanghai",
}


def test_a_store_is_opened_once(admin: Api):
    first = admin.post("/stores", JINGAN)
    assert first.status_code == 201
    assert (first.json["kind"], first.json["closed_at"]) == ("shop", None)
    again = admin.post("/stores", JINGAN)
    assert (again.status_code, again.json["code"]) == (409, "store_exists")


def test_a_store_is_written_whole_closed_and_opened_again(admin: Api):
    admin.post("/stores", JINGAN)
    body = {"name": {"en": "New name"}, "kind": "web"}
    changed = admin.put("/stores/jingan", body | {"closed": True}).json
    assert changed["name"] == {"en": "New name"}
    assert (changed["kind"], changed["timezone"]) == ("web", None)
    assert changed["closed_at"] is not None
    assert admin.put("/stores/jingan", body).json["closed_at"] is None
    assert admin.put("/stores/nowhere", body).status_code == 404


def test_stores_are_listed_by_code_in_pages(admin: Api):
    for code in ("c", "a", "b"):
        admin.post("/stores", JINGAN | {"code": code})
    first = admin.get("/stores?limit=2").json
    assert [one["code"] for one in first["data"]] == ["a", "b"]
    rest = admin.get(f"/stores?cursor={first['next_cursor']}").json
    assert [one["code"] for one in rest["data"]] == ["c"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"timezone": "Mars/X"}, "/timezone"),
        ({"timezone": "../etc/passwd"}, "/timezone"),
        ({"name": {}}, "/name/en"),
        ({"name": {"en": "x", "fr": "y"}}, "/name/fr"),
        ({"code": "no spaces"}, "/code"),
        ({"code": "-"}, "/code"),
        ({"kind": "tent"}, "/kind"),
    ],
)
def test_bad_stores_are_refused_naming_the_field(admin: Api, change: dict, pointer: str):
    answer = admin.post("/stores", JINGAN | change)
    assert answer.status_code == 422
    assert pointer in [one["pointer"] for one in answer.json["errors"]]


def test_stores_need_their_permissions(api_with: Callable[..., Api]):
    reader = api_with("stores:read")
    assert reader.get("/stores").status_code == 200
    assert reader.post("/stores", JINGAN).status_code == 403
