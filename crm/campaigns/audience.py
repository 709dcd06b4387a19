"""The audiences of a campaign: found by id, and as SQL that gives their members."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from crm.db import db
from crm.segments.audiences import compiling
from crm.segments.audiences.models import Audience

NOBODY = "SELECT CAST(NULL AS uuid) AS member_id WHERE false"


class Members(NamedTuple):
    """Two SELECTs of `member_id`: the audience, and who is excluded; and their bound values."""

    audience: str
    excluded: str
    params: dict[str, Any]


def known(ids: Iterable[UUID]) -> dict[UUID, Audience]:
    """Those of these audiences that exist and are not archived, by id."""
    wanted = set(ids)
    if not wanted:
        return {}
    query = select(Audience).where(Audience.id.in_(wanted), Audience.archived_at.is_(None))
    return {row.id: row for row in db.session.scalars(query)}


def named(ids: Iterable[UUID]) -> dict[UUID, str]:
    """What audiences are called, archived ones too."""
    query = select(Audience.id, Audience.name).where(Audience.id.in_(set(ids)))
    return {row.id: row.name for row in db.session.execute(query)}


def members(audience_id: UUID, exclude: Iterable[UUID], now: datetime) -> Members:
    """Who is in an audience and in exclusions, as of `now`. Raises `AudienceNotFound`."""
    found = compiling.audience(audience_id, now, prefix="in_")
    without = [
        compiling.audience(one, now, prefix=f"out{no}_") for no, one in enumerate(sorted(exclude))
    ]
    params = dict(found.params)
    for one in without:
        params |= one.params
    excluded = "\nUNION\n".join(one.sql for one in without) if without else NOBODY
    return Members(found.sql, excluded, params)


def kept(ids: Iterable[UUID]) -> dict[str, Any]:
    """What a launched campaign keeps of its audiences: name and version, by id."""
    query = select(Audience).where(Audience.id.in_(set(ids)))
    rows = db.session.scalars(query)
    return {str(row.id): {"name": row.name, "version": row.version} for row in rows}
