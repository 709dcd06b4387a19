"""Every request is checked at the door."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from api_client import Api
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from crm.app import create_app
from crm.auth import door, keys
from crm.auth.models import ApiKey
from crm.config import Config
from crm.db import db, transaction
from crm.http.principal import SYSTEM


@pytest.mark.parametrize("header", [None, "", "Basic dXNlcjpwYXNz", "rgl_live_x", "Bearer"])
def test_a_request_without_a_key_is_refused(client: FlaskClient, header: str | None):
    answer = client.get("/api/v1/api-keys", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "secret", ["rgl_live_" + "A" * 43, "rgl_live_short", "é" * 52, "x" * 9000, "a b"]
)
def test_a_made_up_key_is_refused(client: FlaskClient, secret: str):
    answer = Api(client, secret).get("/api-keys")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "api_key_invalid")


def test_a_key_with_the_scope_is_let_in(admin: Api):
    assert admin.get("/sandbox/clock").status_code == 200


def test_a_key_without_the_scope_is_told_which_one_it_needs(api_with: Callable[..., Api]):
    answer = api_with("members:read").get("/sandbox/clock")
    assert answer.status_code == 403
    assert answer.get_json()["needs"] == "sandbox:manage"


def test_the_scope_is_checked_before_the_body_is_looked_at(api_with: Callable[..., Api]):
    assert api_with("members:read").post("/api-keys", "{not json").status_code == 403


def test_an_unknown_address_is_404_and_an_unknown_method_405(client: FlaskClient):
    assert client.get("/api/v1/nothing-here").get_json()["code"] == "not_found"
    assert client.put("/api/v1/api-keys").status_code == 405


def test_the_contract_is_public(client: FlaskClient):
    assert client.get("/api/v1/openapi.json").status_code == 200


@pytest.mark.parametrize(
    ("language", "says"),
    [("en", "not valid"), ("zh-CN", "无效"), ("zh-TW", "無效")],
)
def test_a_refusal_speaks_the_readers_language(client: FlaskClient, language: str, says: str):
    api = Api(client, "rgl_live_" + "A" * 43)
    answer = api.get("/api-keys", headers={"Accept-Language": language})
    assert says in answer.get_json()["detail"]


@pytest.fixture
def production(settings: Config, app: Flask) -> Flask:
    """An application that is no sandbox, on the same connection as the test."""
    other = create_app(replace(settings, sandbox=False))
    with other.app_context():
        for engine in db.engines.values():
            engine.dispose()
    with app.app_context():
        engines = db.engines
    with other.app_context():
        db.engines[None] = engines[None]
    return other


def test_a_test_key_works_in_the_sandbox_only(production: Flask, api_with: Callable[..., Api]):
    api = api_with("keys:manage", kind="test")
    assert api.get("/api-keys").status_code == 200
    answer = Api(production.test_client(), api.key).get("/api-keys")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "test_key_refused")


def test_the_sandbox_is_not_there_in_production(production: Flask, api_with: Callable[..., Api]):
    live = Api(production.test_client(), api_with("sandbox:manage").key)
    assert live.get("/sandbox/clock").status_code == 404


def test_use_is_noted_after_the_answer_and_once_a_minute(
    app: Flask, api_with: Callable[..., Api], context: None
):
    api = api_with("keys:manage")
    which = select(ApiKey.last_used_at).where(ApiKey.secret_hash == keys.digest(api.key))
    api.get("/api-keys").close()
    first = db.session.scalar(which)
    assert first is not None
    db.session.execute(update(ApiKey).values(last_used_at=first - timedelta(hours=1)))
    db.session.commit()
    api.get("/api-keys").close()
    assert db.session.scalar(which) == first - timedelta(hours=1)


def test_a_view_that_checks_the_key_itself_goes_by_memory_until_it_turns_the_key_away(
    app: Flask, now: datetime
):
    with app.test_request_context(), transaction():
        key, secret = keys.create("till", ["points:write"], by=SYSTEM, now=now)
    with app.test_request_context():
        g.principal = door.authenticate(f"Bearer {secret}", True).principal
        with transaction():
            keys.revoke(key.id, now=now)
        assert door.authenticate(f"Bearer {secret}", True).principal == g.principal
        valid = text("SELECT api_key_valid(:id, :now)")
        assert db.session.scalar(valid, {"id": key.id, "now": now}) is False
        with pytest.raises(door.KeyInvalid):
            door.turn_away()
        with pytest.raises(door.KeyInvalid):
            door.authenticate(f"Bearer {secret}", True)


def test_a_view_that_does_not_check_the_key_never_goes_by_memory(app: Flask, now: datetime):
    with app.test_request_context(), transaction():
        key, secret = keys.create("till", ["points:write"], by=SYSTEM, now=now)
    with app.test_request_context():
        door.authenticate(f"Bearer {secret}")
        with transaction():
            keys.revoke(key.id, now=now)
        with pytest.raises(door.KeyInvalid):
            door.authenticate(f"Bearer {secret}")


def test_memory_lasts_a_minute(no_database: None, monkeypatch: pytest.MonkeyPatch):
    memory, known = door.Memory(), door.Known(SYSTEM, "live", None)
    memory.keep(b"hash", known)
    assert memory.known(b"hash") == known
    start = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: start + door.REMEMBERED_SECONDS + 1)
    assert memory.known(b"hash") is None


def test_the_database_knows_which_keys_are_valid(context: None, now: datetime):
    with transaction():
        lasting, _ = keys.create("a", ["points:write"], by=SYSTEM, now=now)
        ending, _ = keys.create(
            "b", ["points:write"], by=SYSTEM, now=now, expires_at=now + timedelta(seconds=1)
        )
    valid = text("SELECT api_key_valid(:id, :now)")

    def is_valid(key: ApiKey, at: datetime) -> bool:
        return bool(db.session.scalar(valid, {"id": key.id, "now": at}))

    assert is_valid(lasting, now + timedelta(days=9999))
    assert is_valid(ending, now)
    assert not is_valid(ending, now + timedelta(seconds=1))
