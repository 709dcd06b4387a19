"""What others read of segments: the current ones, their members, one member's place and history."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select, text

from crm.db import db
from crm.http.pagination import decode, page
from crm.members.identity import absent
from crm.points import programme
from crm.segments import why
from crm.segments.errors import SegmentNotFound
from crm.segments.models import SegmentAssignment, SegmentationRun
from crm.segments.next_purchase import documents as next_purchases
from crm.segments.vocabulary import BY_CODE, named

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
ONE = text("""
    SELECT m.segment, m.created_at, b.first_day, b.last_day, coalesce(b.frequency, 0) AS frequency,
           coalesce(b.monetary, 0) AS monetary, a.previous, a.margin, r.as_of AS since, (
               SELECT id FROM segmentation_run WHERE applied AND state = 'done'
               ORDER BY as_of DESC, id DESC LIMIT 1
           ) AS current_run
    FROM member m
    LEFT JOIN LATERAL (
        SELECT * FROM purchases_as_of(:now) p WHERE p.member_id = m.id OFFSET 0
    ) b ON true
    LEFT JOIN LATERAL (
        SELECT run_id, previous, margin FROM segment_assignment s
        WHERE s.member_id = m.id ORDER BY run_id DESC LIMIT 1
    ) a ON true
    LEFT JOIN segmentation_run r ON r.id = a.run_id
    WHERE m.id = :member_id AND m.status = 'active'
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
    found = page(rows, limit, lambda row: (row[0].run_id,))
    return found | {
        "data": [
            {
                "segment": named(row.code),
                "previous": named(row.previous),
                "since": as_of,
                "run_id": row.run_id,
                "method": method,
                "margin": row.margin,
            }
            for row, as_of, method in found["data"]
        ]
    }


def rfm(member_id: UUID, *, now: datetime) -> dict[str, Any]:
    """One member's features as of now, percentiles, segment and the reasons in words.

    Percentiles come from the tables of the current run. Raises `MemberNotFound`.
    """
    row = db.session.execute(ONE, {"member_id": member_id, "now": now}).one_or_none()
    if row is None:
        raise absent(member_id)
    settings = programme.current(now)
    features = _features(row, now, settings.zone)
    spread = distributions(row.current_run) if row.current_run else None
    code = row.segment or (None if features.frequency else "prospects")
    return {
        "member_id": member_id,
        "as_of": now,
        "features": {
            "recency_days": features.recency_days,
            "frequency": features.frequency,
            "monetary": {"amount": features.monetary, "currency": settings.currency},
            "tenure_days": features.tenure_days,
            "mean_gap_days": features.mean_gap_days,
        },
        "percentiles": spread.percentiles(features) if spread else None,
        "segment": named(code),
        "since": row.since if row.segment else None,
        "previous": named(row.previous) if row.segment else None,
        "margin": row.margin if row.segment else None,
        "why": why.facts(features, spread, settings.currency),
        "run_id": row.current_run,
        "next_purchase": next_purchases.of_member(
            member_id, _scored(features), now=now, today=now.astimezone(settings.zone).date()
        ),
    }


def _scored(features: why.Features) -> dict[str, float] | None:
    """What a forecast is made of; None before the first purchase."""
    recency, tenure, times = features.recency_days, features.tenure_days, features.frequency
    if recency is None or tenure is None:
        return None
    return {
        "recency": recency,
        "frequency": times,
        "monetary": features.monetary,
        "tenure": tenure,
        "gap": (tenure - recency) / (times - 1) if times > 1 else 0.0,
    }


def _features(row: Row[Any], now: datetime, zone: ZoneInfo) -> why.Features:
    return why.Features(
        recency_days=days_since(row.last_day, now, zone),
        frequency=row.frequency,
        monetary=row.monetary,
        tenure_days=days_since(row.first_day, now, zone),
        registered_days=days_since(row.created_at.astimezone(zone).date(), now, zone) or 0,
    )


def days_since(day: Any, now: datetime, zone: ZoneInfo) -> int | None:
    """Days from a local day to the day it is in `zone`, not below 0; None for no day."""
    return None if day is None else max((now.astimezone(zone).date() - day).days, 0)


@lru_cache(maxsize=8)
def distributions(run_id: UUID) -> why.Distributions:
    """The tables of a finished run, which never change."""
    query = select(SegmentationRun.percentiles, SegmentationRun.sizes)
    percentiles, sizes = db.session.execute(query.where(SegmentationRun.id == run_id)).one()
    return why.Distributions.read(percentiles or {}, sizes or [])
