"""What others read of segments: their members, a member's history, what a run keeps."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from crm.db import db
from crm.http.pagination import decode, page
from crm.points import programme
from crm.segments import labels, why
from crm.segments.errors import SegmentNotFound
from crm.segments.models import SegmentAssignment, SegmentationRun
from crm.segments.placing import Basis
from crm.segments.vocabulary import BY_CODE

# OFFSET 0: look each member's purchases up by index; joined flat, all members' would be read.
OF_SEGMENT = text("""
    SELECT m.id, m.member_no, b.last_day, coalesce(b.frequency, 0) AS frequency,
           coalesce(b.monetary, 0) AS monetary
    FROM (
        SELECT id, member_no FROM member
        WHERE segment = :code AND id > :after AND status = 'active' ORDER BY id LIMIT :most
    ) m
    LEFT JOIN LATERAL (
        SELECT * FROM purchases_as_of(:now) p WHERE p.member_id = m.id OFFSET 0
    ) b ON true
    ORDER BY m.id
""")
NOBODY = UUID(int=0)


def members_of(code: str, limit: int, cursor: str | None, *, now: datetime) -> dict[str, Any]:
    """A page of a segment's members by id, with their purchases as of now.

    Raises `SegmentNotFound`; a segment without members is an empty page.
    """
    if code not in BY_CODE:
        raise SegmentNotFound()
    (after,) = decode(cursor, UUID) or (NOBODY,)
    rows = db.session.execute(
        OF_SEGMENT, {"code": code, "after": after, "most": limit + 1, "now": now}
    ).all()
    settings = programme.current(now)
    found = page(rows, limit, lambda row: (row.id,))
    return found | {
        "data": [
            {
                "id": row.id,
                "member_no": row.member_no,
                "recency_days": days_since(row.last_day, now, settings.zone),
                "frequency": row.frequency,
                "monetary": {"amount": row.monetary, "currency": settings.currency},
            }
            for row in found["data"]
        ]
    }


def history(member_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of the segments that a member came into, newest first."""
    (before,) = decode(cursor, UUID) or (None,)
    query = (
        select(SegmentAssignment, SegmentationRun.as_of, SegmentationRun.method)
        .join(SegmentationRun, SegmentationRun.id == SegmentAssignment.run_id)
        .where(SegmentAssignment.member_id == member_id)
        .order_by(SegmentAssignment.run_id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(SegmentAssignment.run_id < before)
    rows = db.session.execute(query).all()
    called = labels.names()
    found = page(rows, limit, lambda row: (row[0].run_id,))
    return found | {
        "data": [
            {
                "segment": labels.named(row.code, called),
                "previous": labels.named(row.previous, called),
                "since": as_of,
                "run_id": row.run_id,
                "method": method,
                "margin": row.margin,
                "cause": row.cause,
                "standing": row.standing,
            }
            for row, as_of, method in found["data"]
        ]
    }


def days_since(day: Any, now: datetime, zone: ZoneInfo) -> int | None:
    """Days from a local day to the day it is in `zone`, not below 0; None for no day."""
    return None if day is None else max((now.astimezone(zone).date() - day).days, 0)


@dataclass(frozen=True)
class Stored:
    """What a finished run keeps for others to read one member by. `gaps`: how often the members of
    a segment buy, days in the middle.
    """

    spread: why.Distributions
    basis: Basis | None
    gaps: dict[str, float]


def distributions(run_id: UUID) -> why.Distributions:
    """How the buyers of a finished run are spread."""
    return stored_of(run_id).spread


@lru_cache(maxsize=8)
def stored_of(run_id: UUID) -> Stored:
    """The tables of a finished run, which never change."""
    run = SegmentationRun
    query = select(run.percentiles, run.sizes, run.centroids, run.parameters)
    row = db.session.execute(query.where(run.id == run_id)).one()
    sizes, percentiles = row.sizes or [], row.percentiles or {}
    return Stored(
        spread=why.Distributions.read(percentiles, sizes),
        basis=Basis.read(row.parameters["rhythm"], row.centroids, percentiles),
        gaps={size["code"]: size["medians"]["mean_gap_days"] for size in sizes if size["medians"]},
    )
