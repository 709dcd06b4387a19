"""Delivery: a channel's turns (`crm.messages.turns`) one after the other, until nothing is due.

Any number of workers do this at once. No transaction is open while a provider is talked to. While
one batch is with it, what came of the batch before is recorded and the next one is claimed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import text

from crm import clock
from crm.db import db, transaction
from crm.messages import channels
from crm.messages.channels.provider import Accepted
from crm.messages.desk import Desk
from crm.messages.states import CHANNELS, Reason
from crm.messages.turns import Sent, Work
from crm.queue import stopping

OFF = text("""
    WITH due AS (
        SELECT id FROM message
        WHERE channel = :channel AND state = 'waiting' AND due_at <= :now
        ORDER BY due_at, id LIMIT 500 FOR UPDATE SKIP LOCKED
    )
    UPDATE message m SET state = 'failed', reason = :reason, finished_at = :now
    FROM due WHERE m.id = due.id
""")

DUE = text("""
    SELECT c FROM unnest(CAST(:channels AS text[])) WITH ORDINALITY AS w (c, place)
    WHERE EXISTS (
        SELECT FROM message WHERE channel = c AND purpose IN ('service', 'marketing')
          AND state = 'waiting' AND due_at <= :now)
    ORDER BY place
""")


@dataclass
class Pass:
    """What one pass over a channel came to. `more`: time was up before it was through. `again_in`:
    the provider takes no more now, but then."""

    looked_at: int = 0
    sent: int = 0
    more: bool = False
    again_in: timedelta | None = None


def drain(seconds: float, on_crowd: Callable[[], object] = bool) -> Pass:
    """Deliver on all channels in turn, for about so long; what is left is `more`.

    `on_crowd` is called when a channel turns out to have more than one batch for its provider.
    """
    until, whole = time.monotonic() + seconds, Pass()
    for channel in _channels_with_work():
        one = deliver(channel, until=max(until, time.monotonic() + 1), on_crowd=on_crowd)
        whole.looked_at += one.looked_at
        whole.sent += one.sent
        whole.more |= one.more
        if one.again_in is not None:
            whole.again_in = min(whole.again_in or one.again_in, one.again_in)
    return whole


def deliver(channel: str, *, until: float, on_crowd: Callable[[], object]) -> Pass:
    """Send what is due of a channel until nothing is, or until `time.monotonic()` is `until`."""
    provider = channels.provider_of(channel)
    if provider is None:
        return Pass(looked_at=_fail_all(channel))
    found, last, work = Pass(), Sent(), Work(channel, provider)
    with Desk() as desk:
        turn = work.next(last)
        while True:
            if turn.claimed.looked_at == provider.batch and not found.looked_at:
                on_crowd()
            more = turn.is_full and not stopping.is_set() and time.monotonic() < until
            # What is slow is not claimed ahead: it would grow old while it waits.
            ahead = more and last.seconds < work.stale_seconds / 2
            coming = desk.ask(partial(work.next, last)) if ahead else work.record(last)
            before, last = last, work.send(turn)
            found.looked_at += turn.claimed.looked_at
            found.sent += sum(isinstance(outcome, Accepted) for _, outcome in last.pairs)
            if not more:
                work.record(last)
                found.more = turn.is_full
                found.again_in = turn.wait if turn.granted == 0 else None
                return found
            try:
                turn = coming.result() if coming else work.next(last)
            except Exception:
                work.save(before, last)
                raise
            if not coming:
                last = Sent(seconds=last.seconds)


def _fail_all(channel: str) -> int:
    """Nobody takes this channel's messages: say so, rather than send old news one day."""
    whole = 0
    while True:
        with transaction():
            values = {"channel": channel, "now": clock.now(), "reason": Reason.CHANNEL_OFF}
            failed: int = db.session.execute(OFF, values).rowcount  # type: ignore[attr-defined]
        whole += failed
        if not failed:
            return whole


def _channels_with_work() -> Sequence[str]:
    with transaction():
        values = {"channels": list(CHANNELS), "now": clock.now()}
        return list(db.session.scalars(DUE, values))
