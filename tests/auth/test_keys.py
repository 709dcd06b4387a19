"""API keys: shown once, scoped, rolled with an overlap, revoked at once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from api_client import Api
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from crm.auth import door, keys
from crm.auth.models import ApiKey
from crm.db import db, transaction
from crm.http.permissions import PERMISSIONS
from crm.http.principal import SYSTEM, Principal


def created(admin: Api, **body) -> dict:
    answer = admin.post("/api-keys", {"name": "till", "scopes": ["members:read"]} | body)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def test_a_secret_is_shown_once_and_never_stored(admin: Api):
    key = created(admin)
    assert key["secret"].startswith("rgl_live_")
    assert len(key["secret"]) == len("rgl_live_") + 43
    assert key["secret"].startswith(key["prefix"])
    stored = db.session.scalars(select(ApiKey).where(ApiKey.prefix == key["prefix"])).one()
    assert stored.secret_hash == keys.digest(key["secret"])
    assert "secret" not in admin.get("/api-keys").get_json()["data"][0]
    trail = db.session.scalar(text("SELECT string_agg(a::text, '') FROM audit_entry a"))
    assert key["secret"] not in trail


def test_a_new_key_works_with_its_scopes_only(admin: Api, client: FlaskClient):
    api = Api(client, created(admin, scopes=["keys:manage", "members:read"])["secret"])
    assert api.get("/api-keys").status_code == 200
    assert api.get("/staff").status_code == 403


def test_a_key_passes_on_no_scope_that_it_lacks(api_with: Callable[..., Api]):
    body = {"name": "more", "scopes": ["keys:manage", "points:write"]}
    answer = api_with("keys:manage").post("/api-keys", body)
    assert answer.status_code == 403
    assert answer.get_json()["code"] == "scope_not_held"
    assert answer.get_json()["missing"] == "points:write"


def test_a_key_can_not_learn_the_secret_of_a_mightier_one_by_rolling_it(
    admin: Api, api_with: Callable[..., Api]
):
    mighty = created(admin, scopes=["points:write"])
    answer = api_with("keys:manage").post(f"/api-keys/{mighty['id']}/roll", {})
    assert answer.get_json()["code"] == "scope_not_held"


def test_a_rolled_key_still_works_for_the_overlap_and_then_no_more(
    context: None, app: Flask, now: datetime
):
    with transaction():
        old, old_secret = keys.create("till", ["members:read"], by=SYSTEM, now=now)
        new, new_secret = keys.roll(old.id, overlap=timedelta(hours=2), by=SYSTEM, now=now)
    at = "INSERT INTO sandbox_clock (now) VALUES (:now) ON CONFLICT (one) DO UPDATE SET now = :now"
    db.session.execute(text(at), {"now": now + timedelta(minutes=119)})
    db.session.commit()
    assert door.authenticate(f"Bearer {old_secret}").principal.id == old.id
    assert door.authenticate(f"Bearer {new_secret}").principal.id == new.id
    db.session.execute(text(at), {"now": now + timedelta(hours=2)})
    db.session.commit()
    with pytest.raises(door.KeyInvalid):
        door.authenticate(f"Bearer {old_secret}")
    assert door.authenticate(f"Bearer {new_secret}").principal.name == "till"
    assert (new.replaces, new.scopes) == (old.id, ["members:read"])


def test_rolling_needs_no_body_and_overlaps_a_day(admin: Api, client: FlaskClient):
    key = created(admin)
    answer = admin.post(f"/api-keys/{key['id']}/roll")
    assert answer.status_code == 201
    assert answer.get_json()["replaces"] == key["id"]
    old = next(k for k in admin.get("/api-keys").get_json()["data"] if k["id"] == key["id"])
    assert old["expires_at"] is not None
    assert Api(client, key["secret"]).get("/api-keys").status_code == 403  # known, lacks the scope


def test_a_revoked_key_is_refused_at_once_and_revoking_repeats(admin: Api, client: FlaskClient):
    key = created(admin)
    api = Api(client, key["secret"])
    assert api.get("/api-keys").status_code == 403
    assert admin.delete(f"/api-keys/{key['id']}").status_code == 204
    assert admin.delete(f"/api-keys/{key['id']}").status_code == 204
    answer = api.get("/api-keys")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "api_key_invalid")
    assert admin.post(f"/api-keys/{key['id']}/roll").get_json()["code"] == "api_key_ended"


def test_an_unknown_key_id_is_404(admin: Api):
    unknown = "00000000-0000-7000-8000-000000000000"
    assert admin.delete(f"/api-keys/{unknown}").get_json()["code"] == "api_key_not_found"
    assert admin.post(f"/api-keys/{unknown}/roll").status_code == 404
    assert admin.delete("/api-keys/not-a-uuid").status_code == 404


def test_a_key_is_not_born_expired(admin: Api):
    body = {"name": "late", "scopes": ["members:read"], "expires_at": "2020-01-01T00:00:00Z"}
    problem = admin.post("/api-keys", body).get_json()
    assert problem["code"] == "api_key_born_expired"
    assert problem["errors"][0]["pointer"] == "/expires_at"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": ["members:read"]}, "/name"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["members:fly"]}, "/scopes/0"),
        ({"name": "x", "scopes": ["members:read"], "kind": "royal"}, "/kind"),
        ({"name": "x", "scopes": ["members:read"], "secret_hash": "00"}, "/secret_hash"),
    ],
)
def test_a_bad_field_of_a_key_is_named(admin: Api, body: dict, pointer: str):
    answer = admin.post("/api-keys", body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_pages_of_keys_hold_each_key_once(admin: Api):
    made = [created(admin, name=f"till {number}")["id"] for number in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = admin.get("/api-keys", query_string=query).get_json()
        seen += [key["id"] for key in answer["data"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert [key for key in seen if key in made] == made[::-1]
    assert len(seen) == len(set(seen))


def test_another_lists_cursor_is_refused(admin: Api):
    answer = admin.get("/api-keys", query_string={"cursor": "bm9uc2Vuc2U"})
    assert answer.get_json()["errors"][0] | {"detail": ""} == {
        "pointer": "/cursor",
        "code": "bad_cursor",
        "detail": "",
    }


def test_every_write_of_a_key_is_in_the_audit_trail(admin: Api):
    key = created(admin, name="audited")
    rolled = admin.post(f"/api-keys/{key['id']}/roll", {"overlap_hours": 1}).get_json()
    admin.delete(f"/api-keys/{key['id']}")
    query = {"object_type": "api_key", "object_id": key["id"]}
    acts = admin.get("/audit", query_string=query).get_json()["data"]
    assert [act["action"] for act in acts] == ["api_key.revoke", "api_key.roll", "api_key.create"]
    assert {act["actor"]["name"] for act in acts} == {"admin"}
    assert acts[0]["before"]["revoked_at"] is None
    assert acts[0]["after"]["revoked_at"] is not None
    by_actor = admin.get("/audit", query_string={"actor": acts[0]["actor"]["id"]}).get_json()
    assert rolled["id"] in {act["object_id"] for act in by_actor["data"]}


def test_the_system_may_give_every_scope(context: None, now: datetime):
    with transaction():
        key, _ = keys.create("root", tuple(PERMISSIONS), by=SYSTEM, now=now)
    assert set(key.scopes) == set(PERMISSIONS)
    assert key.created_by == "system"


def test_staff_pass_on_what_they_hold(context: None, now: datetime):
    clerk = Principal("staff", None, "Mei", frozenset({"members:read"}), "clerk")
    with transaction():
        key, _ = keys.create("mine", ["members:read"], by=clerk, now=now)
    assert key.created_by == "Mei"
