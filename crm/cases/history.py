"""A case's history: written with every change, never changed itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.cases.models import Case, CaseEvent
from crm.db import db
from crm.http import principal


def write(
    case: Case,
    kind: str,
    *,
    now: datetime,
    changes: Mapping[str, Sequence[Any]] | None = None,
    text: str | None = None,
) -> CaseEvent:
    """Write down what the current principal did, in the caller's transaction."""
    who = principal()
    event = CaseEvent(
        case_id=case.id,
        member_id=case.member_id,
        at=now,
        kind=kind,
        changes={name: [_plain(one) for one in pair] for name, pair in (changes or {}).items()},
        text=text,
        actor=who.name,
        actor_id=who.id,
    )
    db.session.add(event)
    return event


def of_case(case_id: UUID) -> list[CaseEvent]:
    """All that happened, the oldest first."""
    query = select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.id)
    return list(db.session.scalars(query))


def newest(case_id: UUID) -> CaseEvent | None:
    """What happened last."""
    query = select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.id.desc())
    return db.session.scalars(query.limit(1)).first()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
