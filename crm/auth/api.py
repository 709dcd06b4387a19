"""The API of keys, staff accounts and the audit trail.

Nothing here takes an Idempotency-Key: a stored answer would keep a secret that is shown once.
"""

from datetime import timedelta
from uuid import UUID

from crm import clock
from crm.audit import AuditEntry
from crm.auth import door, keys, schemas, staff, trail
from crm.db import transaction
from crm.http import Blueprint, needs, principal
from crm.http.pagination import PageQuery, decode, page, page_of

blp = Blueprint("auth", __name__, description="API keys, staff accounts, the audit trail.")


def _by_id(row) -> tuple[UUID]:
    return (row.id,)


def _before(query: dict) -> UUID | None:
    found = decode(query["cursor"], UUID)
    return found[0] if found else None


@blp.get("/api-keys")
@needs("keys:manage")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.KeyOut))
def list_keys(query):
    """All keys, newest first; secrets are never shown again."""
    return page(keys.listed(query["limit"], _before(query)), query["limit"], _by_id)


@blp.post("/api-keys")
@needs("keys:manage")
@blp.arguments(schemas.KeyIn)
@blp.response(201, schemas.NewKeyOut)
def create_key(body):
    """Create a key; its secret is in this answer only. It can hold no scope that you lack."""
    with transaction():
        key, secret = keys.create(**body, by=principal(), now=clock.now())
        return _with(key, schemas.KeyOut, secret=secret)


@blp.post("/api-keys/<uuid:key_id>/roll")
@needs("keys:manage")
@blp.arguments(schemas.RollIn)
@blp.response(201, schemas.NewKeyOut)
def roll_key(body, key_id):
    """A new key in the place of this one, which still works for `overlap_hours` (24)."""
    overlap = timedelta(hours=body["overlap_hours"])
    with transaction():
        key, secret = keys.roll(key_id, overlap=overlap, by=principal(), now=clock.now())
        return _with(key, schemas.KeyOut, secret=secret)


@blp.delete("/api-keys/<uuid:key_id>")
@needs("keys:manage")
@blp.response(204)
def revoke_key(key_id):
    """End a key at once. Repeatable."""
    with transaction():
        keys.revoke(key_id, now=clock.now())
    door.forget(key_id)


@blp.get("/staff")
@needs("staff:manage")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.StaffOut))
def list_staff(query):
    """All accounts, newest first."""
    return page(staff.listed(query["limit"], _before(query)), query["limit"], _by_id)


@blp.post("/staff")
@needs("staff:manage")
@blp.arguments(schemas.StaffIn)
@blp.response(201, schemas.NewStaffOut)
def create_staff(body):
    """Create an account. Without a password one is generated and in this answer only."""
    with transaction():
        account, password = staff.create(body, by=principal(), now=clock.now())
        return _with(account, schemas.StaffOut, password=password)


@blp.patch("/staff/<uuid:staff_id>")
@needs("staff:manage")
@blp.arguments(schemas.StaffPatch)
@blp.response(200, schemas.StaffOut)
def change_staff(body, staff_id):
    """Change an account. A new password, or disabling it, ends its sessions."""
    with transaction():
        return staff.update(staff_id, body, by=principal(), now=clock.now())


@blp.get("/audit")
@needs("audit:read")
@blp.arguments(schemas.AuditQuery, location="query")
@blp.response(200, page_of(schemas.AuditOut))
def list_audit(query):
    """Who did what, newest first."""
    rows = trail.listed(query, query["limit"], _before(query))
    found = page(rows, query["limit"], _by_id)
    return found | {"data": [_told(entry) for entry in found["data"]]}


def _with(row, schema, **shown_once) -> dict:
    """The row as its schema names it, and what only this answer shows."""
    return {name: getattr(row, name) for name in schema().fields} | shown_once


def _told(entry: AuditEntry) -> dict:
    actor = {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name}
    names = ("id", "at", "action", "object_type", "object_id", "before", "after", "reason")
    return {name: getattr(entry, name) for name in names} | {"actor": actor}
