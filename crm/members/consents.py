"""What a member agreed to, per channel and purpose: who, when, where, which wording, what proof.

Every decision is kept; the newest counts. No row means no marketing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from crm import audit
from crm.db import db
from crm.http import pagination, principal
from crm.members import events
from crm.members.identity import absent, selves
from crm.members.models import MemberConsent

CHANNELS = ("sms", "email", "wechat", "push", "phone", "post", "inbox")
PURPOSES = ("marketing", "service", "profiling")


def set_one(
    member_id: UUID, channel: str, purpose: str, given: Mapping[str, Any], *, now: datetime
) -> MemberConsent:
    """Record a decision; it counts at once. Telling the same again changes nothing.

    `given`: granted, and maybe wording, source, proof. Raises `MemberNotFound`.
    """
    _lock(member_id)
    earlier = _current(member_id, channel, purpose)
    facts = {name: given.get(name) for name in ("granted", "wording", "source", "proof")}
    if earlier is not None:
        if all(getattr(earlier, name) == value for name, value in facts.items()):
            return earlier
        _supersede(earlier, now)
    consent = MemberConsent(
        member_id=member_id,
        channel=channel,
        purpose=purpose,
        at=now,
        actor=principal().name,
        **facts,
    )
    db.session.add(consent)
    what: dict[str, Any] = {"channel": channel, "purpose": purpose, "granted": given["granted"]}
    events.record(member_id, "consent", at=now, **what, source=given.get("source"))
    audit.record(
        "member.consent",
        "member",
        member_id,
        before={"granted": earlier.granted} if earlier else None,
        after=what,
        now=now,
    )
    db.session.flush()
    return consent


def may(member_id: UUID, channel: str, purpose: str) -> bool:
    """Whether the member agreed. Service messages need no consent, but can be declined."""
    found = _current(member_id, channel, purpose)
    return found.granted if found else purpose == "service"


def current(member_id: UUID) -> list[MemberConsent]:
    """The decisions that count now, by channel and purpose."""
    query = (
        select(MemberConsent)
        .where(MemberConsent.member_id == member_id, MemberConsent.superseded_at.is_(None))
        .order_by(MemberConsent.channel, MemberConsent.purpose)
    )
    return list(db.session.scalars(query))


def page(member_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """All decisions, newest first; those of records merged into his are history."""
    query = select(MemberConsent).where(MemberConsent.member_id.in_(selves(member_id)))
    after = pagination.decode(cursor, UUID)
    if after:
        query = query.where(MemberConsent.id < after[0])
    rows = db.session.scalars(query.order_by(MemberConsent.id.desc()).limit(limit + 1)).all()
    return pagination.page(rows, limit, lambda row: (row.id,))


def _lock(member_id: UUID) -> None:
    """One decision about a member at a time, so that one row is current."""
    found = db.session.execute(
        text("SELECT 1 FROM member WHERE id = :id AND status = 'active' FOR NO KEY UPDATE"),
        {"id": member_id},
    ).scalar()
    if found is None:
        raise absent(member_id)


def _current(member_id: UUID, channel: str, purpose: str) -> MemberConsent | None:
    return db.session.scalar(
        select(MemberConsent).where(
            MemberConsent.member_id == member_id,
            MemberConsent.channel == channel,
            MemberConsent.purpose == purpose,
            MemberConsent.superseded_at.is_(None),
        )
    )


def _supersede(consent: MemberConsent, now: datetime) -> None:
    db.session.execute(
        update(MemberConsent)
        .where(MemberConsent.member_id == consent.member_id, MemberConsent.id == consent.id)
        .values(superseded_at=now)
    )
