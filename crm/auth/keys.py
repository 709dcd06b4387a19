"""API keys: made, rolled, revoked. A secret is shown once and kept only as its SHA-256."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select, text

from crm import audit
from crm.auth.grants import require_held
from crm.auth.models import ApiKey
from crm.db import db
from crm.errors import N_, NotFound, Refused, Unprocessable
from crm.http.fields import instant_text
from crm.http.permissions import PERMISSIONS
from crm.http.principal import Principal

SECRET = re.compile(r"rgl_(?:live|test)_[A-Za-z0-9_-]{43}", re.ASCII)
SHOWN = len("rgl_live_") + 6  # leaves 222 of the 258 bits unknown

ORIGINS = text("""
    WITH RECURSIVE line AS (
        SELECT id, replaces FROM api_key WHERE id IN (:one, :other)
        UNION SELECT k.id, k.replaces FROM line l JOIN api_key k ON k.id = l.replaces
    )
    SELECT count(*) FROM line WHERE replaces IS NULL
""")


class KeyNotFound(NotFound):
    """No API key has this id (404)."""

    code = "api_key_not_found"
    detail = N_("There is no API key with this id.")


class KeyEnded(Refused):
    """A key that was revoked or has expired can't be rolled (409)."""

    code = "api_key_ended"
    detail = N_("This API key was revoked or has expired. Create a new one.")


class BornExpired(Unprocessable):
    """A key whose end lies in the past is of no use (422)."""

    code = "api_key_born_expired"
    detail = N_("The key would have expired already. Choose a later time.")


def digest(secret: str) -> bytes:
    """What stands in the database instead of the secret: 32 bytes."""
    return sha256(secret.encode()).digest()


def create(
    name: str,
    scopes: Sequence[str],
    *,
    by: Principal,
    now: datetime,
    kind: str = "live",
    expires_at: datetime | None = None,
    replaces: UUID | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can ask for again.

    Raises `ScopeNotHeld` when `by` lacks one of the scopes (the system itself may give all),
    `BornExpired`.
    """
    assert set(scopes) <= set(PERMISSIONS), scopes
    require_held(by, scopes)
    if expires_at is not None and expires_at <= now:
        raise BornExpired(pointer="/expires_at")
    secret = f"rgl_{kind}_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        name=name,
        prefix=secret[:SHOWN],
        secret_hash=digest(secret),
        kind=kind,
        scopes=sorted(set(scopes)),
        replaces=replaces,
        created_by=by.name,
        created_at=now,
        expires_at=expires_at,
    )
    db.session.add(key)
    db.session.flush()
    audit.record("api_key.create", "api_key", key.id, now=now, after=facts(key))
    return key, secret


def roll(key_id: UUID, *, overlap: timedelta, by: Principal, now: datetime) -> tuple[ApiKey, str]:
    """A successor of the key with a secret of its own; the old one ends after `overlap`.

    Raises `KeyNotFound`, `KeyEnded`, and `ScopeNotHeld`: who rolls a key learns its secret.
    """
    old = _locked(key_id)
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise KeyEnded()
    new, secret = create(
        old.name,
        old.scopes,
        by=by,
        now=now,
        kind=old.kind,
        expires_at=old.expires_at,
        replaces=old.id,
    )
    before = facts(old)
    ends = now + overlap
    old.expires_at = min(ends, old.expires_at) if old.expires_at else ends
    audit.record("api_key.roll", "api_key", old.id, now=now, before=before, after=facts(old))
    return new, secret


def revoke(key_id: UUID, *, now: datetime) -> ApiKey:
    """End a key at once; to do it again changes nothing. Raises `KeyNotFound`."""
    key = _locked(key_id)
    if key.revoked_at is None:
        before = facts(key)
        key.revoked_at = now
        audit.record("api_key.revoke", "api_key", key.id, now=now, before=before, after=facts(key))
    return key


def listed(limit: int, before: UUID | None) -> Sequence[ApiKey]:
    """Keys, newest first, after the one with the id `before`; one more than `limit`."""
    query = select(ApiKey).order_by(ApiKey.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(ApiKey.id < before)
    return db.session.scalars(query).all()


def are_one_program(one: UUID, other: UUID) -> bool:
    """Whether two keys are the same, or were rolled from the same first key."""
    return db.session.scalar(ORIGINS, {"one": one, "other": other}) == 1


def facts(key: ApiKey) -> dict[str, object]:
    """What the audit trail keeps of a key: never its secret."""
    return {
        "name": key.name,
        "prefix": key.prefix,
        "kind": key.kind,
        "scopes": key.scopes,
        "expires_at": instant_text(key.expires_at) if key.expires_at else None,
        "revoked_at": instant_text(key.revoked_at) if key.revoked_at else None,
    }


def _locked(key_id: UUID) -> ApiKey:
    key = db.session.get(ApiKey, key_id, with_for_update=True, populate_existing=True)
    if key is None:
        raise KeyNotFound()
    return key
