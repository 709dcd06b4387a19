"""What workers that died, or lost the database, were sending: decided when their lease lapses.

Such a message may have gone. Where the provider honours references it is sent again, which has no
second effect; where it can be asked, it is asked. Else the flight of its batch tells whether it
was begun: one that was not goes on, one that was taken is sent. Of those begun nobody can say: a
service message is sent again, marketing is not and stands as `unknown`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from crm import clock
from crm.db import config, db, transaction
from crm.messages import channels, flight, policy, recording
from crm.messages.channels.provider import Accepted, Ambiguous, Outcome, TryLater
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
# Its worker, should it live after all, can begin nothing more (`flight.AHEAD`).
GIVE_UP = text("""
    UPDATE message_flight SET given_up = true
    WHERE ids && CAST(:ids AS uuid[]) RETURNING ids, fences, begun, taken
""")
FORGET = text("""
    DELETE FROM message_flight WHERE opened_at < clock_timestamp() - interval '1 day'
""")


def recover() -> int:
    """Decide what became of messages whose lease has lapsed; returns how many."""
    with transaction():
        found = list(db.session.scalars(WHERE))
        if found:
            db.session.execute(FORGET)
    return sum(_recover(channel) for channel in found)


def _recover(channel: str) -> int:
    done = 0
    while True:
        with transaction():
            values = {"channel": channel, "most": CHUNK, "lease": config().message_lease_seconds}
            rows = db.session.execute(LAPSED, values).all()
            stages = _stages(rows)
        if not rows:
            return done
        _decide(channel, rows, stages)
        done += len(rows)


def _stages(rows: Sequence[Row[Any]]) -> dict[UUID, str]:
    """How far those came whose flights were written down: `waiting`, `begun` or `taken`."""
    if not rows:
        return {}
    found: dict[tuple[UUID, int], str] = {}
    for one in db.session.execute(GIVE_UP, {"ids": [row.id for row in rows]}):
        found |= flight.stages(one.ids, one.fences, one.begun, one.taken)
    keys = {row.id: (row.id, row.fence - 1) for row in rows}
    return {one: found[key] for one, key in keys.items() if key in found}


def _decide(channel: str, rows: Sequence[Row[Any]], stages: Mapping[UUID, str]) -> None:
    provider = channels.provider_of(channel)
    honours, known = False, {}
    if provider is not None and {row.provider for row in rows} == {provider.name}:
        honours = provider.honours_references
        known = {} if honours else provider.look_up([row.id for row in rows])
    pairs = [(_tried(row), _outcome(row, honours, known, stages.get(row.id))) for row in rows]
    with transaction():
        recording.record(
            channel,
            pairs,
            honours_references=honours,
            policy=policy.current(),
            now=clock.now(),
            reason=Reason.INTERRUPTED,
        )


def _outcome(
    row: Row[Any], honours: bool, known: Mapping[UUID, Outcome], stage: str | None
) -> Outcome:
    """Sent again at once where that does no harm: the provider did not ask for patience."""
    if row.id in known:
        return known[row.id]
    if stage == "taken":
        return Accepted()
    if stage == "waiting":
        return TryLater("not_begun", counts=False, at_once=True)
    if honours or row.purpose == "service":
        return TryLater("interrupted", at_once=True)
    return Ambiguous("interrupted")


def _tried(row: Row[Any]) -> Tried:
    return Tried(row.id, row.fence, row.purpose, row.attempts, row.address)
