"""How the outbox stands: what waits, what is stuck, who failed. For people who look, not for work.

Counts stop at `MOST`: beyond it the number says nothing more, and counting would cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm.db import db
from crm.http import pagination
from crm.messages import reading
from crm.messages.models import Message
from crm.messages.states import RETRYABLE

MOST = 10_000

STANDING = text("""
    SELECT
        (SELECT count(*) FROM (SELECT 1 FROM message
            WHERE state = 'waiting' AND due_at <= :now LIMIT :most) AS w) AS due,
        (SELECT min(due_at) FROM message WHERE state = 'waiting') AS oldest,
        (SELECT count(*) FROM (SELECT 1 FROM message
            WHERE state = 'waiting' AND due_at > :now LIMIT :most) AS l) AS later,
        (SELECT count(*) FROM (SELECT 1 FROM message
            WHERE state = 'sending' LIMIT :most) AS s) AS sending,
        (SELECT count(*) FROM (SELECT 1 FROM message
            WHERE state = 'failed' LIMIT :most) AS f) AS failed,
        (SELECT count(*) FROM (SELECT 1 FROM message
            WHERE state = 'unknown' LIMIT :most) AS u) AS unknown
""")
PROVIDERS = text("""
    SELECT name, failures, trouble,
           CASE WHEN away_until > clock_timestamp() THEN away_until END AS away_until
    FROM message_provider ORDER BY name
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """How many messages are due, come later, are being sent, failed, are in doubt; and since when
    the oldest of those that are due has waited."""

    due: int
    later: int
    sending: int
    failed: int
    unknown: int
    oldest: datetime | None


def standing(now: datetime) -> Standing:
    """The outbox at this moment."""
    row = db.session.execute(STANDING, {"now": now, "most": MOST + 1}).one()
    oldest = row.oldest if row.oldest is not None and row.oldest <= now else None
    return Standing(row.due, row.later, row.sending, row.failed, row.unknown, oldest)


def providers() -> Sequence[Any]:
    """Those that were ever sent through: name, failures in a row, away until when, and why."""
    return db.session.execute(PROVIDERS).all()


def dead(*, channel: str | None, limit: int, cursor: str | None) -> dict[str, Any]:
    """Messages that failed or whose fate is unknown, newest first."""
    query = select(Message).where(Message.state.in_([str(state) for state in RETRYABLE]))
    if channel:
        query = query.where(Message.channel == channel)
    after = pagination.decode(cursor, UUID)
    if after:
        query = query.where(Message.id < after[0])
    rows = db.session.scalars(query.order_by(Message.id.desc()).limit(limit + 1)).all()
    found = pagination.page(rows, limit, lambda row: (row.id,))
    return found | {"data": [reading.document(row) for row in found["data"]]}
