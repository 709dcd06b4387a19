"""What waits for a second person: asked by one, decided by another, applied once.

A room above registers a kind of request with the function that applies it, and calls `request`.
Deciding happens here; the effect is applied in the decision's own transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update

from crm import audit
from crm.auth.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    NotTheRequester,
    SecondPersonNeeded,
)
from crm.auth.keys import are_one_program
from crm.auth.models import Approval
from crm.db import db
from crm.http.principal import Principal

LASTS = timedelta(days=7)
STATES = ("pending", "approved", "denied", "expired", "cancelled")
DECIDE = "approvals:decide"


class Apply(Protocol):
    """Does what was asked for, and returns what came of it as JSON.

    It checks anew, raises refusals, and goes by `by`'s own limits. `requester` is a name.
    """

    def __call__(
        self, id: UUID, payload: Mapping[str, Any], *, requester: str, by: Principal, now: datetime
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Kind:
    """A kind of request: who may decide it besides holding `approvals:decide`, how it is applied,
    and what it asks for, in one sentence of the reader's language."""

    name: str
    permission: str
    apply: Apply
    tell: Callable[[Mapping[str, Any]], str]


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; rooms do so when they are imported."""
    assert kind.name not in KINDS, kind.name
    KINDS[kind.name] = kind


def request(
    id: UUID,
    kind: str,
    payload: Mapping[str, Any],
    *,
    subject: tuple[str, object],
    by: Principal,
    now: datetime,
) -> Approval:
    """Put an act before a second person. `payload` is JSON; `subject` what it is about.

    It waits for `LASTS`.
    """
    assert kind in KINDS, kind
    row = Approval(
        id=id,
        kind=kind,
        subject_type=subject[0],
        subject_id=str(subject[1]),
        payload=dict(payload),
        requester_kind=by.kind,
        requester_id=by.id,
        requester_name=by.name,
        requested_at=now,
        expires_at=now + LASTS,
        state="pending",
    )
    db.session.add(row)
    db.session.flush()
    audit.record("approval.requested", "approval", id, now=now, after=_facts(row))
    return row


def approve(id: UUID, reason: str | None = None, *, by: Principal, now: datetime) -> Approval:
    """Apply what was asked for, once. A refusal of the kind's own leaves the request pending.

    Raises `ApprovalNotFound`, `SecondPersonNeeded`, `Forbidden`, `ApprovalDecided`,
    `ApprovalExpired`, and what the kind raises.
    """
    row = _to_decide(id, by, now)
    kind = KINDS[row.kind]
    row.result = kind.apply(row.id, row.payload, requester=row.requester_name, by=by, now=now)
    _close(row, "approved", by, now, reason)
    return row


def deny(id: UUID, reason: str, *, by: Principal, now: datetime) -> Approval:
    """Say no, and why. Raises as `approve`, without the kind's own refusals."""
    row = _to_decide(id, by, now)
    _close(row, "denied", by, now, reason)
    return row


def cancel(id: UUID, *, by: Principal, now: datetime) -> Approval:
    """Take one's own request back.

    Raises `ApprovalNotFound`, `NotTheRequester`, `ApprovalDecided`, `ApprovalExpired`.
    """
    row = _locked(id, by)
    if not _is_own(row, by):
        raise NotTheRequester(requester=row.requester_name)
    _require_open(row, now)
    _close(row, "cancelled", by, now)
    return row


def expire(now: datetime) -> int:
    """Close what waited too long; returns how many. Reading never waits for this."""
    done = db.session.execute(
        update(Approval)
        .where(Approval.state == "pending", Approval.expires_at <= now)
        .values(state="expired", decided_at=Approval.expires_at)
    )
    return done.rowcount  # type: ignore[attr-defined]  # of an UPDATE


def next_expiry(now: datetime) -> datetime | None:
    """When the next pending request expires."""
    return db.session.scalar(
        select(func.min(Approval.expires_at)).where(Approval.state == "pending")
    )


def state(row: Approval, now: datetime) -> str:
    """The state at an instant: what waited too long is expired, whether or not a job has run."""
    return "expired" if row.state == "pending" and row.expires_at <= now else row.state


def get(id: UUID, *, by: Principal) -> Approval:
    """A request that `by` may see. Raises `ApprovalNotFound`."""
    row = db.session.scalar(select(Approval).where(Approval.id == id, _visible(by)))
    if row is None:
        raise ApprovalNotFound()
    return row


def listed(
    wanted: Mapping[str, str | None], limit: int, before: UUID | None, *, by: Principal,
    now: datetime,
) -> Sequence[Approval]:  # fmt: skip
    """Requests that `by` may see and that match `wanted` (state, kind, subject_type, subject_id),
    newest first; one more than `limit`, after the one with the id `before`."""
    query = select(Approval).where(_visible(by)).order_by(Approval.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Approval.id < before)
    for name in ("kind", "subject_type", "subject_id"):
        if wanted.get(name) is not None:
            query = query.where(getattr(Approval, name) == wanted[name])
    asked = wanted.get("state")
    if asked is not None:
        query = query.where(_in_state(asked, now))
    return db.session.scalars(query).all()


def waiting_for(by: Principal, now: datetime) -> int:
    """How many requests wait for the decision of this one."""
    if not by.may(DECIDE):
        return 0
    kinds = [name for name, kind in KINDS.items() if by.may(kind.permission)]
    query = select(func.count()).where(
        _in_state("pending", now), Approval.kind.in_(kinds),
        Approval.requester_id.is_distinct_from(by.id),
    )  # fmt: skip
    return db.session.scalar(query) or 0


def may_decide(row: Approval, by: Principal) -> bool:
    """Whether this one may approve or deny it at all; the kind's limits show when he does."""
    return by.may(DECIDE) and by.may(KINDS[row.kind].permission) and not _is_own(row, by)


def _in_state(wanted: str, now: datetime) -> ColumnElement[bool]:
    if wanted == "pending":
        return and_(Approval.state == "pending", Approval.expires_at > now)
    if wanted == "expired":
        late = and_(Approval.state == "pending", Approval.expires_at <= now)
        return or_(Approval.state == "expired", late)
    return Approval.state == wanted


def _visible(by: Principal) -> ColumnElement[bool]:
    """Who decides sees all; others what they asked for themselves."""
    return true() if by.may(DECIDE) else Approval.requester_id == by.id


def _locked(id: UUID, by: Principal) -> Approval:
    query = select(Approval).where(Approval.id == id, _visible(by)).with_for_update()
    row = db.session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise ApprovalNotFound()
    return row


def _to_decide(id: UUID, by: Principal, now: datetime) -> Approval:
    row = _locked(id, by)
    if _is_own(row, by):
        raise SecondPersonNeeded()
    by.require(DECIDE)
    by.require(KINDS[row.kind].permission)
    _require_open(row, now)
    return row


def _is_own(row: Approval, by: Principal) -> bool:
    """Whether `by` asked for it; a rolled key and its successor are one."""
    if row.requester_id == by.id:
        return True
    if row.requester_kind != "key" or by.kind != "key":
        return False
    assert row.requester_id is not None, "keys have ids"
    assert by.id is not None, "keys have ids"
    return are_one_program(row.requester_id, by.id)


def _require_open(row: Approval, now: datetime) -> None:
    found = state(row, now)
    if found == "expired":
        raise ApprovalExpired(expired_at=row.expires_at.isoformat())
    if found != "pending":
        raise ApprovalDecided(state=found, decided_by=row.decider_name)


def _close(row: Approval, how: str, by: Principal, now: datetime, reason: str | None = None):
    row.state, row.decided_at, row.reason = how, now, reason
    row.decider_kind, row.decider_id, row.decider_name = by.kind, by.id, by.name
    db.session.flush()
    audit.record(
        f"approval.{how}", "approval", row.id, now=now,
        before={"state": "pending"}, after=_facts(row), reason=reason,
    )  # fmt: skip


def _facts(row: Approval) -> dict[str, Any]:
    subject = {"type": row.subject_type, "id": row.subject_id}
    facts = {"kind": row.kind, "state": row.state, "subject": subject, "payload": row.payload}
    return facts | ({"result": row.result} if row.result is not None else {})
