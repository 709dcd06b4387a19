"""Nothing that can be sent to these routes makes them fail."""

import json

import pytest
from api_client import Api

NASTY = [
    None, True, 0, -1, 2**63, 1e300, "", " ", "\u0000", "\ud800", "x" * 100_000, "<script>", [],
    ["\u0000"], {}, {"a": {}}, "2027-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "'; DROP TABLE",
]  # fmt: skip
BODIES = {
    ("POST", "/api-keys"): {"name": "x", "scopes": ["members:read"], "kind": "live"}
    | {"expires_at": None},
    ("POST", "/api-keys/{key}/roll"): {"overlap_hours": 1},
    ("POST", "/staff"): {"email": "a@b.example", "name": "A", "role": "clerk", "store": None}
    | {"locale": "en", "member_id": None, "password": "long enough"},
    ("PATCH", "/staff/{staff}"): {"email": "c@b.example", "name": "A", "role": "clerk"}
    | {"store": None, "locale": "en", "member_id": None, "active": True, "password": "long enough"},
}
PLACES = [(route, field) for route, body in BODIES.items() for field in body]
RAW = [b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}{}", b'{"name":NaN}', b'{"a":1,"a":2}', b"\xff"]


@pytest.fixture
def paths(admin: Api) -> dict[str, str]:
    """The ids of a key and an account to try on."""
    key = admin.post("/api-keys", {"name": "x", "scopes": ["members:read"]}).get_json()
    body = {"email": "t@b.example", "name": "T", "role": "clerk", "password": "long enough"}
    return {"key": key["id"], "staff": admin.post("/staff", body).get_json()["id"]}


@pytest.mark.parametrize(("route", "field"), PLACES)
def test_a_nasty_value_is_taken_or_refused_and_named(
    admin: Api, paths: dict[str, str], route: tuple[str, str], field: str
):
    method, path = route
    for value in NASTY:
        answer = admin(method, path.format(**paths), BODIES[route] | {field: value})
        assert answer.status_code < 500, value
        if answer.status_code == 422:
            assert any(e["pointer"].startswith(f"/{field}") for e in answer.get_json()["errors"])


@pytest.mark.parametrize("route", BODIES)
def test_a_body_that_is_no_object_is_refused(
    admin: Api, paths: dict[str, str], route: tuple[str, str]
):
    method, path = route
    for raw in RAW:
        answer = admin(method, path.format(**paths), raw)
        assert answer.status_code in ((201, 400) if raw == b"" else (400, 422)), raw


@pytest.mark.parametrize("path", ["/api-keys", "/staff", "/audit"])
@pytest.mark.parametrize("name", ["limit", "cursor", "object_id", "actor", "x"])
def test_a_nasty_query_is_taken_or_refused(admin: Api, path: str, name: str):
    for value in [json.dumps(value) for value in NASTY] + ["\0", "W10", "WyJ4Il0", "-1", "1" * 40]:
        answer = admin.get(path, query_string={name: value[:3000]})
        assert answer.status_code in (200, 422), (name, value)
