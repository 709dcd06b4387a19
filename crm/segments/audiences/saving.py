"""Audiences as they are kept: made, changed, archived, found."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm import audit
from crm.db import db
from crm.http import principal
from crm.http.pagination import decode, page
from crm.segments.audiences import counting, parsing, references
from crm.segments.audiences.errors import (
    AudienceChanged,
    AudienceNameTaken,
    AudienceNotFound,
    NotAFilter,
)
from crm.segments.audiences.models import Audience

# Changes go one at a time, so that two of them can't close a circle together.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('audiences', 0))")
TAKEN = text("SELECT 1 FROM audience WHERE name = :name AND archived_at IS NULL AND id <> :id")
NAMES = ("id", "name", "description", "kind", "filter", "version", "members", "counted_at")
TIMES = ("created_at", "changed_at", "created_by", "archived_at")


def create(body: Mapping[str, Any], *, now: datetime) -> Audience:
    """A new audience: `name`, and `filter`, or neither filter nor members yet (`kind` list).

    Raises `Invalid` with each mistake by its place, `AudienceNameTaken`, `AudienceNotFound`,
    `AudienceTooLarge`.
    """
    db.session.execute(LOCK)
    found = Audience(
        name=body["name"],
        description=body.get("description"),
        kind=body["kind"],
        filter=body.get("filter"),
        version=1,
        created_at=now,
        changed_at=now,
        created_by=principal().name,
    )
    if found.filter is not None:
        _check(found.filter, now)
    db.session.add(found)
    with db.session.no_autoflush:
        _free(found.name, None)
    db.session.flush()
    counting.recount(found, now=now)
    audit.record(
        "audience.created",
        "audience",
        found.id,
        after={"name": found.name, "kind": found.kind, "filter": found.filter},
        now=now,
    )
    return found


def change(audience_id: UUID, body: Mapping[str, Any], *, now: datetime) -> Audience:
    """Change what the body names. `version`, if given, is the one that the change was made from.

    What changes nothing makes no version. Raises as `create`, and `AudienceNotFound`,
    `AudienceChanged`, `AudienceCycle`, `NotAFilter` for a filter on a list.
    """
    db.session.execute(LOCK)
    found = db.session.get(Audience, audience_id, with_for_update=True)
    if found is None:
        raise AudienceNotFound()
    if body.get("version") not in (None, found.version):
        raise AudienceChanged(version=found.version)
    before = _said(found)
    _apply(found, body, now)
    after = _said(found)
    if after == before:
        return found
    found.version += 1
    found.changed_at = now
    db.session.flush()
    if after["filter"] != before["filter"]:
        counting.recount(found, now=now)
    changed = [name for name in before if before[name] != after[name]]
    audit.record(
        "audience.changed",
        "audience",
        found.id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        now=now,
    )
    return found


def _apply(found: Audience, body: Mapping[str, Any], now: datetime) -> None:
    if "filter" in body:
        if found.kind == "list":
            raise NotAFilter()
        _check(body["filter"], now, found.id)
        found.filter = dict(body["filter"])
    if "description" in body:
        found.description = body["description"]
    archived = body.get("archived", found.archived_at is not None)
    name = body.get("name", found.name)
    if not archived:
        with db.session.no_autoflush:
            _free(name, found.id)
    found.name = name
    if archived != (found.archived_at is not None):
        found.archived_at = now if archived else None


def _said(found: Audience) -> dict[str, Any]:
    return {
        "name": found.name,
        "description": found.description,
        "filter": found.filter,
        "archived": found.archived_at is not None,
    }


def _check(given: Mapping[str, Any], now: datetime, own: UUID | None = None) -> None:
    """Whether a filter can be read, and what it refers to is there and comes to an end."""
    tree = parsing.read(given, now=now)
    loader = references.Loader({own: tree} if own else None)
    if own is None:
        references.expanded(tree, loader)
        return
    with loader.entered(own):
        references.expanded(tree, loader)


def _free(name: str, own: UUID | None) -> None:
    taken = db.session.execute(TAKEN, {"name": name, "id": own or UUID(int=0)}).scalar()
    if taken:
        raise AudienceNameTaken(name=name)


def get(audience_id: UUID) -> Audience:
    """An audience, archived or not. Raises `AudienceNotFound`."""
    found = db.session.get(Audience, audience_id)
    if found is None:
        raise AudienceNotFound()
    return found


def document(found: Audience) -> dict[str, Any]:
    """An audience as the API shows it."""
    return {name: getattr(found, name) for name in (*NAMES, *TIMES)}


def listed(query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of audiences, the newest first. `query`: kind, archived, limit, cursor."""
    after = decode(query["cursor"], UUID)
    wanted = select(Audience).order_by(Audience.id.desc())
    if query.get("kind"):
        wanted = wanted.where(Audience.kind == query["kind"])
    if not query.get("archived"):
        wanted = wanted.where(Audience.archived_at.is_(None))
    if after:
        wanted = wanted.where(Audience.id < after[0])
    rows = db.session.scalars(wanted.limit(query["limit"] + 1)).all()
    found = page(rows, query["limit"], lambda row: (row.id,))
    return found | {"data": [document(row) for row in found["data"]]}
