"""Messages as people and programs read them, and trying one again by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm import audit
from crm.db import db
from crm.http import pagination
from crm.members.identity import selves
from crm.messages import suppressions, waking
from crm.messages.errors import MessageNotFound, MessageNotRetryable
from crm.messages.models import Message, MessageEvent
from crm.messages.states import RETRYABLE, State

MOST_EVENTS = 100

SANDBOX = text("""
    SELECT id, member_id, channel, address, locale, subject, text, html, headers, at
    FROM sandbox_message
    WHERE (CAST(:member AS uuid) IS NULL OR member_id = :member)
      AND (CAST(:before AS uuid) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
""")


def page(query: Mapping[str, Any], *, limit: int, cursor: str | None) -> dict[str, Any]:
    """Messages, newest first; `query` may name member, state, channel, source_type, source_id.

    A member's are also those of records that were merged into his.
    """
    wanted = select(Message).order_by(Message.id.desc()).limit(limit + 1)
    if query.get("member"):
        wanted = wanted.where(Message.member_id.in_(selves(query["member"])))
    for name in ("state", "channel", "source_type", "source_id"):
        if query.get(name):
            wanted = wanted.where(getattr(Message, name) == query[name])
    after = pagination.decode(cursor, UUID)
    if after:
        wanted = wanted.where(Message.id < after[0])
    found = pagination.page(db.session.scalars(wanted).all(), limit, lambda row: (row.id,))
    return found | {"data": [document(row) for row in found["data"]]}


def get(message_id: UUID) -> dict[str, Any]:
    """One message with what became of it. Raises `MessageNotFound`."""
    message = db.session.get(Message, message_id)
    if message is None:
        raise MessageNotFound()
    return document(message) | {"events": _events(message_id)}


def document(message: Message) -> dict[str, Any]:
    """One message as the API shows it: the address in part."""
    names = (
        *("id", "member_id", "occasion", "channel", "purpose", "priority", "state", "reason"),
        *("due_at", "not_after", "attempts", "locale", "provider", "provider_ref", "segments"),
        *("created_at", "sent_at", "finished_at"),
    )
    template = None
    if message.template_id is not None:
        template = {"id": message.template_id, "version": message.template_version}
    return {name: getattr(message, name) for name in names} | {
        "source": {"type": message.source_type, "id": message.source_id},
        "template": template,
        "address": message.address and suppressions.masked(message.channel, message.address),
        "price": None if message.price is None else str(message.price),
    }


def retry(message_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Try a message again that failed, or of which nobody knows whether it went: as if new, from
    now on. Raises `MessageNotFound`, `MessageNotRetryable`."""
    message = db.session.get(
        Message, message_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if message is None:
        raise MessageNotFound()
    if message.state not in RETRYABLE:
        raise MessageNotRetryable(state=message.state)
    before = {"state": message.state, "reason": message.reason}
    message.state, message.reason, message.attempts = State.WAITING.value, None, 0
    message.due_at, message.finished_at = now, None
    audit.record("message.retried", "message", message_id, before=before, now=now)
    db.session.flush()
    waking.wake(now)
    return document(message)


def sandbox_page(member: UUID | None, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """What would have been sent, newest first."""
    before = pagination.decode(cursor, UUID)
    values = {"member": member, "before": before and before[0], "limit": limit + 1}
    rows = db.session.execute(SANDBOX, values).all()
    return pagination.page(rows, limit, lambda row: (row.id,))


def _events(message_id: UUID) -> Sequence[MessageEvent]:
    query = (
        select(MessageEvent)
        .where(MessageEvent.message_id == message_id)
        .order_by(MessageEvent.id)
        .limit(MOST_EVENTS)
    )
    return db.session.scalars(query).all()
