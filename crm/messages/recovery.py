"""What workers that died, or lost the database, were sending: decided when their lease lapses.

Such a message may have gone. Where the provider honours references it is sent again, which has no
second effect; where it can be asked, it is asked. Else nobody can say: a service message is sent
again, marketing is not and stands as `unknown`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from crm import clock
from crm.db import config, db, transaction
from crm.messages import channels, policy, recording
from crm.messages.channels.provider import Ambiguous, Outcome, TryLater
from crm.messages.recording import Tried
from crm.messages.states import Reason

CHUNK = 500

WHERE = text("""
    SELECT DISTINCT channel FROM message
    WHERE state = 'sending' AND lease_until < clock_timestamp()
""")
LAPSED = text("""
    WITH lapsed AS (
        SELECT id FROM message
        WHERE state = 'sending' AND lease_until < clock_timestamp() AND channel = :channel
        ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE message m SET fence = fence + 1,
           lease_until = clock_timestamp() + :lease * interval '1 second'
    FROM lapsed WHERE m.id = lapsed.id
    RETURNING m.id, m.fence, m.purpose, m.attempts, m.address, m.provider
""")


def recover() -> int:
    """Decide what became of messages whose lease has lapsed; returns how many."""
    with transaction():
        found = list(db.session.scalars(WHERE))
    return sum(_recover(channel) for channel in found)


def _recover(channel: str) -> int:
    done = 0
    while True:
        with transaction():
            values = {"channel": channel, "most": CHUNK, "lease": config().message_lease_seconds}
            rows = db.session.execute(LAPSED, values).all()
        if not rows:
            return done
        _decide(channel, rows)
        done += len(rows)


def _decide(channel: str, rows: Sequence[Row[Any]]) -> None:
    provider = channels.provider_of(channel)
    honours, known = False, {}
    if provider is not None and {row.provider for row in rows} == {provider.name}:
        honours = provider.honours_references
        known = {} if honours else provider.look_up([row.id for row in rows])
    pairs = [(_tried(row), _outcome(row, honours, known)) for row in rows]
    with transaction():
        recording.record(
            channel,
            pairs,
            honours_references=honours,
            policy=policy.current(),
            now=clock.now(),
            reason=Reason.INTERRUPTED,
        )


def _outcome(row: Row[Any], honours: bool, known: Mapping[UUID, Outcome]) -> Outcome:
    """Sent again at once where that does no harm: the provider did not ask for patience."""
    if row.id in known:
        return known[row.id]
    if honours or row.purpose == "service":
        return TryLater("interrupted", at_once=True)
    return Ambiguous("interrupted")


def _tried(row: Row[Any]) -> Tried:
    return Tried(row.id, row.fence, row.purpose, row.attempts, row.address)
