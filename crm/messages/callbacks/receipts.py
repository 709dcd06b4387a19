"""Receipts: a message arrived, or did not; somebody complained. Each counts once.

What bounced for good is never written to again; who complained gets no more marketing there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, text

from crm.db import db
from crm.ids import uuid7
from crm.messages import suppressions
from crm.messages.callbacks.told import Kind, Receipt
from crm.messages.errors import ReceiptTooEarly
from crm.messages.models import Message
from crm.messages.states import Reason, State

EARLY = timedelta(minutes=10)  # a receipt of an unknown message that young may have overtaken it
OPEN = (State.SENDING, State.SENT, State.UNKNOWN, State.DELIVERED)

NOTE = text("""
    INSERT INTO message_event (message_id, id, kind, at, provider, provider_event, data)
    VALUES (:message, :id, :kind, :at, :provider, :event,
            jsonb_strip_nulls(jsonb_build_object('code', CAST(:code AS text))))
    ON CONFLICT (provider, provider_event) WHERE provider_event IS NOT NULL DO NOTHING
""")


def take(channel: str, told: Sequence[Receipt], *, now: datetime) -> int:
    """Act upon receipts of a channel; returns how many were new.

    Receipts of messages that are not ours are passed over; `ReceiptTooEarly` for those that may
    become ours in a moment, so that the gateway tells them again.
    """
    new, early = 0, False
    for one in sorted(told, key=lambda receipt: str(receipt.message_id or receipt.ref)):
        message = _message(channel, one)
        if message is not None:
            new += _act(message, one, now)
        else:
            early = early or abs(now - one.at) < EARLY
    if early:
        raise ReceiptTooEarly(retry_after=30)
    return new


def _message(channel: str, one: Receipt) -> Message | None:
    """The message that a receipt is about, locked."""
    query = select(Message).where(Message.channel == channel)
    if one.message_id is not None:
        query = query.where(Message.id == one.message_id)
    else:
        query = query.where(Message.provider_ref == one.ref, Message.provider == one.provider)
    return db.session.scalars(
        query.limit(1).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).first()


def _act(message: Message, one: Receipt, now: datetime) -> int:
    values = {
        "message": message.id, "id": uuid7(), "kind": one.kind, "at": one.at,
        "provider": one.provider, "event": one.event[:300], "code": one.code,
    }  # fmt: skip
    if not db.session.execute(NOTE, values).rowcount:  # type: ignore[attr-defined]
        return 0
    match one.kind:
        case Kind.DELIVERED if message.state in (State.SENDING, State.SENT, State.UNKNOWN):
            _end(message, State.DELIVERED, None, now)
        case Kind.FAILED | Kind.BOUNCED if message.state in OPEN:
            _end(message, State.FAILED, Reason.BOUNCED, now)
    if message.address:
        _suppress(message, one.kind, now)
    db.session.flush()
    return 1


def _end(message: Message, state: State, reason: Reason | None, now: datetime) -> None:
    message.state, message.reason = state.value, reason
    message.lease_until, message.finished_at = None, now


def _suppress(message: Message, kind: Kind, now: datetime) -> None:
    assert message.address is not None
    where = [message.address]
    if kind == Kind.BOUNCED:
        suppressions.add(message.channel, where, scope="all", reason="bounced", now=now)
    elif kind == Kind.COMPLAINED:
        suppressions.add(message.channel, where, scope="marketing", reason="complained", now=now)
