"""The member's own timeline: what happened to the record, and no other room records."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm.db import db
from crm.members.models import MemberEvent


def record(member_id: UUID, kind: str, *, at: datetime, **data: Any) -> None:
    """Write an event into the current transaction. `data`: JSON values, never identities."""
    kept = {name: value for name, value in data.items() if value is not None}
    db.session.add(MemberEvent(member_id=member_id, at=at, kind=kind, data=kept))
