"""What staff write down about a member: newest first, never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from crm import audit
from crm.db import db
from crm.http import principal
from crm.ids import uuid7
from crm.members import events, profiles
from crm.members.identity import selves
from crm.members.models import MemberNote


def add(member_id: UUID, text: str, *, now: datetime) -> MemberNote:
    """Write a note. Raises `MemberNotFound`."""
    profiles.require(member_id, to_write=True)
    who = principal()
    note = MemberNote(
        id=uuid7(), member_id=member_id, text=text, at=now, author=who.name, author_id=who.id
    )
    db.session.add(note)
    events.record(member_id, "note", at=now, note_id=str(note.id), text=text, author=who.name)
    audit.record("member.note_added", "member", member_id, after={"note": str(note.id)}, now=now)
    db.session.flush()
    return note


def last(member_id: UUID, count: int = 5) -> list[MemberNote]:
    """The newest notes, those on records merged into his among them."""
    query = (
        select(MemberNote)
        .where(MemberNote.member_id.in_(selves(member_id)))
        .order_by(MemberNote.id.desc())
        .limit(count)
    )
    return list(db.session.scalars(query))
