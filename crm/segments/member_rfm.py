"""One member in figures and words: features, percentiles, segment, what is next, and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text

from crm.db import db
from crm.members.identity import absent
from crm.points import programme
from crm.segments import labels, placing, why
from crm.segments.directory import Stored, days_since, stored_of
from crm.segments.next_purchase import documents as next_purchases
from crm.segments.placing import Basis, Place

# OFFSET 0: as in `crm.segments.directory`.
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
