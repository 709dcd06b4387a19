"""Occasions, the words that say for ever why a message is planned: key, message, withdrawal."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from crm.db import db
from crm.ids import digest_id
from crm.messages.models import Message
from crm.messages.states import Reason

WITHDRAW = text("""
    UPDATE message SET state = 'cancelled', reason = :reason, finished_at = :now, due_at = NULL
    WHERE occasion_key = ANY(CAST(:keys AS uuid[])) AND state = 'waiting'
""")


def withdraw(occasions: Iterable[str], *, reason: Reason = Reason.CANCELLED, now: datetime) -> int:
    """Cancel messages that have not gone yet, such as when an order was refunded; returns how
    many. One that a worker is sending right now goes."""
    keys = [occasion_key(one) for one in occasions]
    done = db.session.execute(WITHDRAW, {"keys": keys, "reason": reason, "now": now})
    return done.rowcount  # type: ignore[attr-defined]


def occasion_key(occasion: str) -> str:
    """The narrow key of an occasion, as `message_occasion_key` in the database makes it."""
    return digest_id("message", occasion)


def of_occasion(occasion: str) -> Message | None:
    """The message that was planned under an occasion, if any."""
    return db.session.scalar(select(Message).filter_by(occasion_key=UUID(occasion_key(occasion))))
