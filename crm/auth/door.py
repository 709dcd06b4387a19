"""The door of the API: every request's key is checked here, before its view runs.

One statement answers who is asking. Views whose own statement checks the key again (declared
with `checked_in_statement`) go by what the door remembers, for a minute at most, and save it.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

import psycopg
from flask import Flask, Response, current_app, g, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm import clock
from crm.auth.keys import SECRET
from crm.db import call, config, db
from crm.errors import N_, Forbidden, Unauthorized
from crm.http.principal import Principal

logger = logging.getLogger(__name__)

API = "/api/v1/"
LIBRARY_VIEWS = {"static", "openapi_json"}  # of any blueprint: public, and not ours to decorate
REMEMBERED_SECONDS = 60
USE_NOTED_SECONDS = 60
MOST_REMEMBERED = 10_000

FIND = """
    SELECT id, name, kind, scopes, expires_at FROM api_key
    WHERE secret_hash = %s AND revoked_at IS NULL
"""
VALID = text("SELECT api_key_valid(:key, :now)")
NOTE_USE = """
    UPDATE api_key k SET last_used_at = t.now FROM (SELECT sandbox_now(%s) AS now) t
    WHERE k.id = %s AND (k.last_used_at IS NULL OR k.last_used_at < t.now - interval '1 minute')
    RETURNING true
"""


class KeyInvalid(Unauthorized):
    """The key is unknown, revoked or expired (401)."""

    code = "api_key_invalid"
    detail = N_("This API key is not valid: unknown, revoked or expired.")


class TestKeyRefused(Unauthorized):
    """A test key outside the sandbox (401)."""

    __test__ = False  # its name is no test's
    code = "test_key_refused"
    detail = N_("Test keys work in the sandbox only. Use a live key here.")


class Known(NamedTuple):
    """A key as the door knows it."""

    principal: Principal
    kind: str
    expires_at: datetime | None


class Memory:
    """What one process remembers of keys: who they are, and when their use was last noted."""

    def __init__(self) -> None:
        self.keys: dict[bytes, tuple[float, Known]] = {}
        self.noted: dict[UUID, float] = {}

    def known(self, digest: bytes) -> Known | None:
        """The key of this hash when it was looked up within the last minute."""
        found = self.keys.get(digest)
        if found is None or time.monotonic() - found[0] > REMEMBERED_SECONDS:
            return None
        return found[1]

    def keep(self, digest: bytes, known: Known) -> None:
        """Remember a key that the database has just vouched for."""
        if len(self.keys) >= MOST_REMEMBERED:
            self.keys.clear()
        self.keys[digest] = (time.monotonic(), known)

    def forget(self, key_id: UUID) -> None:
        """Drop a key that turned out to be invalid."""
        for digest, (_, known) in list(self.keys.items()):
            if known.principal.id == key_id:
                self.keys.pop(digest, None)

    def use_is_noted(self, key_id: UUID) -> bool:
        """Whether the key's use was noted within the last minute."""
        return time.monotonic() - self.noted.get(key_id, -USE_NOTED_SECONDS) < USE_NOTED_SECONDS

    def use_is_due(self, key_id: UUID) -> bool:
        """Whether a minute has passed since the key's use was noted; the caller notes it now."""
        if self.use_is_noted(key_id):
            return False
        self.noted[key_id] = time.monotonic()
        return True


def install(app: Flask) -> None:
    """Guard every view of `app`; views under /api/v1 ask for an API key."""
    app.extensions["crm.auth.memory"] = Memory()
    app.before_request(check)
    app.after_request(note_use)


def check() -> None:
    """Set `g.principal` for a request to the API, or refuse it (401, 403)."""
    endpoint = request.endpoint
    if endpoint is None:
        return  # unknown addresses answer 404 to everybody
    view: Any = current_app.view_functions[endpoint]
    if not is_declared(endpoint, view):
        return
    if view.permission is None or not request.path.startswith(API):
        return
    known = authenticate(request.environ.get("HTTP_AUTHORIZATION"), view.checked_in_statement)
    g.principal = known.principal
    if view.permission not in known.principal.permissions:
        raise Forbidden(needs=view.permission)


def is_declared(endpoint: str, view: object) -> bool:
    """Whether the view declares a permission; False only for the few views of libraries."""
    if hasattr(view, "permission"):
        return True
    is_library = endpoint.rpartition(".")[2] in LIBRARY_VIEWS
    assert is_library, f"{endpoint} declares no permission (crm.http.needs)"
    return False


def authenticate(header: str | None, checked_in_statement: bool = False) -> Known:
    """The key in an Authorization header. Raises `Unauthorized` and its kinds."""
    scheme, _, secret = (header or "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized()
    secret = secret.strip()
    if not SECRET.fullmatch(secret):
        raise KeyInvalid()
    digest = sha256(secret.encode()).digest()
    memory: Memory = current_app.extensions["crm.auth.memory"]
    known = memory.known(digest) if checked_in_statement else None
    if known is None:
        known = _find(digest)
        memory.keep(digest, known)
    if known.kind == "test" and not config().sandbox:
        raise TestKeyRefused()
    return known


def recognised(memory: Memory, header: str | None, *, sandbox: bool) -> Principal | None:
    """Whose key this is, if that is remembered and needs no attention; else None, and `check`
    decides. For views that check the key in their statement."""
    scheme, _, secret = (header or "").partition(" ")
    if scheme != "Bearer":
        return None
    known = memory.known(sha256(secret.encode()).digest())
    if known is None or (known.kind == "test" and not sandbox):
        return None
    who = known.principal
    return who if who.id is not None and memory.use_is_noted(who.id) else None


def _find(digest: bytes) -> Known:
    row = call(FIND, (digest,))
    if row is None:
        raise KeyInvalid()
    key_id, name, kind, scopes, expires_at = row
    if expires_at is not None and expires_at <= clock.now():
        raise KeyInvalid()
    return Known(Principal("key", key_id, name, frozenset(scopes)), kind, expires_at)


def forget(key_id: UUID) -> None:
    """Let this process no longer remember a key; other processes do within a minute at most."""
    memory: Memory = current_app.extensions["crm.auth.memory"]
    memory.forget(key_id)


def turn_away() -> NoReturn:
    """For views whose statement found the key to be invalid: forget it, and answer 401."""
    forget(g.principal.id)
    raise KeyInvalid()


def check_again() -> None:
    """For views whose key the door may only have remembered, on a way that is not one statement.

    Raises `KeyInvalid`.
    """
    asker: Principal = g.principal
    if asker.kind == "key" and not db.session.scalar(VALID, {"key": asker.id, "now": clock.now()}):
        turn_away()


def note_use(response: Response) -> Response:
    """Note that a key is in use, at most once a minute and after the answer has gone out."""
    who: Principal | None = g.get("principal")
    if who is None or who.kind != "key" or who.id is None:
        return response
    memory: Memory = current_app.extensions["crm.auth.memory"]
    if response.status_code < 500 and memory.use_is_due(who.id):
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        response.call_on_close(_noting(app, who.id))
    return response


def _noting(app: Flask, key_id: UUID) -> Callable[[], None]:
    def note() -> None:
        with app.app_context():
            try:
                call(NOTE_USE, (clock.system_now(), key_id))
            except (psycopg.Error, SQLAlchemyError) as error:
                logger.warning("the use of key %s was not noted: %s", key_id, error)

    return note
