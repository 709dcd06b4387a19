"""Reading the audit trail, newest act first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.audit import AuditEntry
from crm.db import db


def listed(wanted: dict[str, Any], limit: int, before: UUID | None) -> Sequence[AuditEntry]:
    """Acts that match `wanted` (object_type, object_id, action, actor: id or name), newest first.

    One more than `limit`, after the act with the id `before`.
    """
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    for name in ("object_type", "object_id", "action"):
        if wanted.get(name) is not None:
            query = query.where(getattr(AuditEntry, name) == wanted[name])
    actor = wanted.get("actor")
    if actor is not None:
        query = query.where(_is_by(actor))
    return db.session.scalars(query).all()


def _is_by(actor: str):
    try:
        return AuditEntry.actor_id == UUID(actor)
    except ValueError:
        return AuditEntry.actor_name == actor
