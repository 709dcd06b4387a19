"""Working on a case: its state, its owner, its due date, and what people write about it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm import audit
from crm.cases import history, owners, policy, stops
from crm.cases.errors import (
    CaseDueInThePast,
    CaseNotFound,
    CaseReasonMissing,
    CaseReasonUnasked,
)
from crm.cases.models import CLOSED, Case
from crm.db import db
from crm.errors import Busy
from crm.http.principal import Principal

FIELDS = {"owner": "owner_id"}  # as the API calls them, where the column has another name
HOLD_RECORD = text("SELECT 1 FROM member WHERE id = :id FOR KEY SHARE")
TRIES = 5


def find(case_id: UUID) -> Case:
    """A case. Raises `CaseNotFound`."""
    found = db.session.get(Case, case_id)
    if found is None:
        raise CaseNotFound()
    return found


def change(case_id: UUID, body: Mapping[str, Any], *, by: Principal, now: datetime) -> Case:
    """Change what `body` names: `state`, `reason`, `owner`, `due_at`, `kind`, `subject`; and write
    down a `comment`. Telling the same again changes nothing.

    Everybody who may write cases may comment, work on his own ones, and take one that has no owner;
    the rest is for who manages them. Raises `CaseNotFound`, `Forbidden`, `CaseOwnerUnknown`,
    `CaseReasonMissing`, `CaseReasonUnasked`, `CaseDueInThePast`.
    """
    case = _locked(case_id)
    wanted = {FIELDS.get(name, name): value for name, value in body.items() if name != "comment"}
    changes = {name: value for name, value in wanted.items() if getattr(case, name) != value}
    if changes:
        _check_right(case, changes, by)
        _check(case, changes, body, now)
    written = body.get("comment")
    if not changes and (written is None or _said_already(case, written, by)):
        return case
    _apply(case, changes, written, by, now)
    return case


def _locked(case_id: UUID) -> Case:
    """The case, with its member's record held and then itself: no merge moves it meanwhile."""
    for _ in range(TRIES):
        member_id = find(case_id).member_id
        db.session.execute(HOLD_RECORD, {"id": member_id})
        case = db.session.get(Case, case_id, with_for_update=True, populate_existing=True)
        if case is not None and case.member_id == member_id:
            return case
    raise Busy(retry_after=1)


def _check_right(case: Case, changes: Mapping[str, Any], by: Principal) -> None:
    own = by.id is not None and case.owner_id == by.id
    takes = case.owner_id is None and changes == {"owner_id": by.id} and by.kind == "staff"
    if not (own or takes):
        by.require("cases:manage")


def _check(case: Case, changes: dict[str, Any], body: Mapping[str, Any], now: datetime) -> None:
    """Whether the changes go together; completes them."""
    state = changes.get("state", case.state)
    if state == CLOSED and "state" in changes and not changes.get("reason"):
        raise CaseReasonMissing(pointer="/reason")
    if state != CLOSED and body.get("reason"):
        raise CaseReasonUnasked(pointer="/reason")
    if changes.get("owner_id") is not None:
        owners.require(changes["owner_id"], pointer="/owner")
    if "due_at" in changes and changes["due_at"] <= now:
        raise CaseDueInThePast(pointer="/due_at")
    if case.state == CLOSED and state != CLOSED:
        changes["reason"] = None
        if case.due_at <= now and "due_at" not in changes:
            changes["due_at"] = now + timedelta(days=policy.current()["due_days"])


def _said_already(case: Case, written: str, by: Principal) -> bool:
    """Whether this very comment is the newest entry: a request that was sent twice."""
    last = history.newest(case.id)
    return last is not None and (last.text, last.actor_id) == (written, by.id)


def _apply(
    case: Case, changes: Mapping[str, Any], written: str | None, by: Principal, now: datetime
) -> None:
    before = {name: getattr(case, name) for name in changes}
    for name, value in changes.items():
        setattr(case, name, value)
    case.updated_at = now
    if "due_at" in changes:
        case.overdue_at = None
    kind = "changed" if changes else "comment"
    if "state" in changes and CLOSED in (before["state"], case.state):
        kind = _close(case, by, now) if case.state == CLOSED else _reopen(case, now)
    named = {column: name for name, column in FIELDS.items()}
    told = {named.get(name, name): (before[name], value) for name, value in changes.items()}
    event = history.write(case, kind, now=now, changes=told, text=written)
    db.session.flush()
    audit.record(
        f"case.{kind}",
        "case",
        case.id,
        before={name: pair[0] for name, pair in event.changes.items()} or None,
        after={name: pair[1] for name, pair in event.changes.items()} or None,
        now=now,
    )
    db.session.flush()


def _close(case: Case, by: Principal, now: datetime) -> str:
    case.closed_at, case.closed_by = now, by.name
    stops.lift(case.member_id, case.id)
    return "closed"


def _reopen(case: Case, now: datetime) -> str:
    case.closed_at = case.closed_by = None
    stops.stop(case.member_id, case.id, now=now)
    return "reopened"
