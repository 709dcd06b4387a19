"""Adjustments by hand: within one's limits at once, above them when a second person approves.

Locks are taken in the order request for approval → actor's day → account → lots.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select, text

from crm import audit
from crm.auth import approvals
from crm.auth.models import Approval
from crm.db import db
from crm.http.idempotency import KeyReused
from crm.http.principal import Principal
from crm.members import profiles
from crm.members.models import Member
from crm.members.profiles import MemberFacts
from crm.points import adjustment_limits as limits
from crm.points import balances
from crm.points import programme as programmes
from crm.points.accounts import lock_accounts
from crm.points.adjustment_errors import AboveOwnLimit, MemberNotActive, OwnMemberRecord
from crm.points.errors import InsufficientPoints
from crm.points.programme_settings import Programme

KIND = "points.adjustment"
PERMISSION = "points:adjust"

ADJUST = text("""
    SELECT (points_adjust(:member, :points, :now, :reason_code, :id, :actor, :text,
                          CAST(:data AS jsonb), CAST(:policy AS jsonb), :zone)).seq
""")
# In a statement of its own, which sees what the one before has written.
WRITTEN = text("""
    SELECT points_entry_document(e) FROM points_entry e WHERE member_id = :member AND seq = :seq
""")
EARLIER = text("""
    SELECT points_entry_document(e) FROM points_source s
    JOIN points_entry e ON e.member_id = s.member_id AND e.seq = s.seq
    WHERE s.key = points_source_key('adjustment', :id)
""")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is asked for. `points` given (> 0) or taken (< 0); `note` is for staff, `member_text`
    for the member; the same `id` again is the same adjustment."""

    id: UUID
    member_id: UUID
    points: int
    reason_code: str
    note: str
    member_text: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Either the entry, or the request that waits for a second person."""

    entry: dict[str, Any] | None
    approval: Approval | None = None


def adjust(ask: Adjustment, *, by: Principal, now: datetime) -> Outcome:
    """Adjust a member's points, or ask for approval where `by` may not do it alone.

    Raises `MemberNotFound`, `OwnMemberRecord`, `InsufficientPoints`; `KeyReused` for an id that
    stands for another adjustment.
    """
    programme = programmes.current(now)
    profiles.require(ask.member_id)
    _require_others(ask, by)
    today = limits.locked_day(by, programme, now)
    known = _known(ask, by)
    if known is not None:
        return known
    if not limits.alone(by, programme).allows(ask.points, today.used):
        _require_enough(ask, now)
        return Outcome(None, _request(ask, by, now))
    limits.count(today, ask.points)
    return Outcome(_apply(ask, by.name, programme, now))


def _require_others(ask: Adjustment, by: Principal) -> None:
    if by.member_id == ask.member_id:
        raise OwnMemberRecord()


def _known(ask: Adjustment, by: Principal) -> Outcome | None:
    """What this adjustment came to when it was sent before."""
    entry = db.session.execute(EARLIER, {"id": str(ask.id)}).scalar()
    if entry is not None:
        if (entry["member_id"], entry["points"]) != (str(ask.member_id), ask.points):
            raise KeyReused()
        return Outcome(entry)
    approval = db.session.get(Approval, ask.id)
    if approval is None:
        return None
    if approval.requester_id != by.id or approval.payload != _payload(ask):
        raise KeyReused()
    return Outcome(None, approval)


def _require_enough(ask: Adjustment, now: datetime) -> None:
    if ask.points > 0:
        return
    available = balances.balance(ask.member_id, now, now=now)["available"]
    if available < -ask.points:
        raise InsufficientPoints(
            required=-ask.points, available=available, missing=-ask.points - available
        )


def _request(ask: Adjustment, by: Principal, now: datetime) -> Approval:
    subject = ("member", ask.member_id)
    return approvals.request(ask.id, KIND, _payload(ask), subject=subject, by=by, now=now)


def _payload(ask: Adjustment) -> dict[str, Any]:
    query = select(Member.member_no).where(Member.id == ask.member_id)
    facts = asdict(ask) | {"member_id": str(ask.member_id)}
    del facts["id"]
    return facts | {"member_no": db.session.scalar(query)}


def _apply(
    ask: Adjustment,
    actor: str,
    programme: Programme,
    now: datetime,
    approved: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write it; returns the entry's document. What is read is read after the lock was got."""
    _active(ask.member_id, programme)  # who was merged has no account to lock any more
    lock_accounts([ask.member_id])
    facts = _active(ask.member_id, programme)
    _require_enough(ask, now)
    data = {"reason_code": ask.reason_code, "note": ask.note} | dict(approved or {})
    seq = db.session.execute(
        ADJUST,
        {
            "member": ask.member_id,
            "points": ask.points,
            "now": now,
            "reason_code": ask.reason_code,
            "id": ask.id,
            "actor": actor,
            "text": ask.member_text,
            "data": msgspec.json.encode(data).decode(),
            "policy": msgspec.json.encode(programme.expiry).decode(),
            "zone": facts.zone,
        },
    ).scalar_one()
    entry = db.session.execute(WRITTEN, {"member": ask.member_id, "seq": seq}).scalar_one()
    _audit(ask, entry, now)
    return entry


def _active(member_id: UUID, programme: Programme) -> MemberFacts:
    found = profiles.facts([member_id], default_zone=programme.timezone).get(member_id)
    if found is None:
        raise MemberNotActive()
    return found


def _audit(ask: Adjustment, entry: Mapping[str, Any], now: datetime) -> None:
    after = entry["balance_after"]
    audit.record(
        "points.adjusted",
        "member",
        ask.member_id,
        now=now,
        before={"balance": after - ask.points},
        after={
            "balance": after,
            "points": ask.points,
            "seq": entry["seq"],
            "reason_code": ask.reason_code,
            "member_text": ask.member_text,
        },
        reason=ask.note,
    )


def apply_approved(
    id: UUID, payload: Mapping[str, Any], *, requester: str, by: Principal, now: datetime
) -> dict[str, Any]:
    """Adjust what another asked for; it counts to the day of who approves.

    Raises `OwnMemberRecord`, `AboveOwnLimit`, `MemberNotActive`, `InsufficientPoints`.
    """
    ask = Adjustment(
        id,
        UUID(payload["member_id"]),
        payload["points"],
        payload["reason_code"],
        payload["note"],
        payload["member_text"],
    )
    programme = programmes.current(now)
    _require_others(ask, by)
    limit = limits.deciding(by, programme)
    today = limits.locked_day(by, programme, now)
    if not limit.allows(ask.points, today.used):
        raise AboveOwnLimit(per_act=limit.per_act, per_day=limit.per_day, used=today.used)
    limits.count(today, ask.points)
    approved = {"approval": str(id), "approved_by": by.name}
    return {"entry": _apply(ask, requester, programme, now, approved)}
