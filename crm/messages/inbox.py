"""A member's in-app inbox, as the shop's app shows it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from crm.db import db
from crm.http import pagination
from crm.members.identity import selves
from crm.messages.errors import MessageNotFound
from crm.messages.models import InboxMessage

OPENED = text("""
    INSERT INTO message_event (message_id, id, kind, at) VALUES (:id, uuidv7(), 'opened', :now)
""")


def page(member_id: UUID, *, limit: int, cursor: str | None, unread: bool) -> dict[str, Any]:
    """His messages, newest first, and how many of them he has not read; with those of records
    that were merged into his."""
    whose = InboxMessage.member_id.in_(selves(member_id))
    query = select(InboxMessage).where(whose).order_by(InboxMessage.id.desc()).limit(limit + 1)
    if unread:
        query = query.where(InboxMessage.read_at.is_(None))
    after = pagination.decode(cursor, UUID)
    if after:
        query = query.where(InboxMessage.id < after[0])
    found = pagination.page(db.session.scalars(query).all(), limit, lambda row: (row.id,))
    count = select(func.count()).where(whose, InboxMessage.read_at.is_(None))
    return found | {"unread": db.session.scalar(count)}


def mark(member_id: UUID, message_id: UUID, *, read: bool, now: datetime) -> InboxMessage:
    """Mark a message as read, or as not; doing so again changes nothing.

    The first reading counts as opening the message. Raises `MessageNotFound`.
    """
    found = db.session.get(InboxMessage, message_id, with_for_update=True)
    if found is None or found.member_id not in selves(member_id):
        raise MessageNotFound()
    if read and found.read_at is None:
        found.read_at = now
        db.session.execute(OPENED, {"id": message_id, "now": now})
    elif not read:
        found.read_at = None
    db.session.flush()
    return found
