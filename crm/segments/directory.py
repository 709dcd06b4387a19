"""What others read of segments: the current ones, their members, one member's place and history."""

from dataclasses import dataclass
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
from crm.segments import labels, placing, why
from crm.segments.errors import SegmentNotFound
from crm.segments.models import SegmentAssignment, SegmentationRun
from crm.segments.next_purchase import documents as next_purchases
from crm.segments.placing import Basis, Place
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
ONE = text("""
    SELECT m.segment, m.created_at, b.first_day, b.last_day, coalesce(b.frequency, 0) AS frequency,
           coalesce(b.monetary, 0) AS monetary, a.previous, a.standing, r.as_of AS since, (
               SELECT id FROM segmentation_run
               WHERE applied AND state = 'done' AND rollback_requested_at IS NULL
               ORDER BY as_of DESC, id DESC LIMIT 1
           ) AS current_run
    FROM member m
    LEFT JOIN LATERAL (
        SELECT * FROM purchases_as_of(:now) p WHERE p.member_id = m.id OFFSET 0
    ) b ON true
    LEFT JOIN LATERAL (
        SELECT run_id, previous, standing FROM segment_assignment s
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


def rfm(member_id: UUID, *, now: datetime) -> dict[str, Any]:
    """One member's features as of now, percentiles, segment, what is next, and why in words.

    All but the features comes from what the current run has stored. Raises `MemberNotFound`.
    """
    row = db.session.execute(ONE, {"member_id": member_id, "now": now}).one_or_none()
    if row is None:
        raise absent(member_id)
    settings, called = programme.current(now), labels.names()
    features = _features(row, now, settings.zone)
    stored = stored_of(row.current_run) if row.current_run else None
    spread = stored.spread if stored else None
    code = row.segment or (None if features.frequency else "prospects")
    ahead = _ahead(features, code, stored.basis if stored else None)
    told = _told(ahead, code, stored, called)
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
        "segment": labels.named(code, called),
        "since": row.since if row.segment else None,
        "previous": labels.named(row.previous, called) if row.segment else None,
        "standing": row.standing if row.segment else None,
        "margin": ahead.margin if ahead else None,
        "next_segment": labels.named(ahead.following if ahead else None, called),
        "buying_now": labels.named(ahead.buying if ahead else None, called),
        "days_left": ahead.days_left if ahead else None,
        "then": labels.named(ahead.then if ahead else None, called),
        "why": why.facts(features, spread, settings.currency, told),
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


@dataclass(frozen=True)
class Ahead:
    """What is next to a member's segment: by place, by a purchase, by time. Codes."""

    here: Place
    following: str | None
    margin: float | None
    buying: str
    days_left: int | None
    then: str | None


def _ahead(features: why.Features, code: str | None, basis: Basis | None) -> Ahead | None:
    """None where there is no run to go by, or no segment to start from.

    Whoever bought since the run is at the border of where the next one will put him.
    """
    if basis is None or code is None:
        return None
    here = basis.place(features)
    stays = here.code == code
    left = placing.days_left(basis, features) if stays else None
    return Ahead(
        here=here,
        following=here.following if stays else here.code,
        margin=here.margin if stays else 0.0,
        buying=basis.place(placing.after_buying(features)).code,
        days_left=left[0] if left else None,
        then=left[1] if left else None,
    )


def _told(
    ahead: Ahead | None, code: str | None, stored: "Stored | None", called: labels.Names
) -> why.Outlook | None:
    if ahead is None or code is None or stored is None or stored.basis is None:
        return None
    return why.Outlook(
        usual_days=stored.basis.usual_days,
        gap_days=stored.gaps.get(code),
        bound_for=called[ahead.here.code] if ahead.here.code != code else None,
        buying=called[ahead.buying] if ahead.buying != code else None,
        days_left=ahead.days_left,
        then=called[ahead.then] if ahead.then else None,
    )


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
