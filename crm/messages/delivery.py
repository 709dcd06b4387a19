"""Delivery: claim, judge, commit `sending`, call the provider, record; until nothing is due.

Any number of workers do this at once. No transaction is open while a provider is talked to. While
one batch is with it, what came of the batch before is recorded and the next one is claimed.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm import clock
from crm.db import config, db, transaction
from crm.messages import channels, policy, recording, throttle
from crm.messages.channels.provider import Accepted, Careful, Outcome, Outgoing, Provider, TryLater
from crm.messages.claiming import Claimed, Claimer
from crm.messages.desk import Desk
from crm.messages.flight import Flight
from crm.messages.links import Links
from crm.messages.states import CHANNELS, Reason
from crm.queue import stopping

logger = logging.getLogger(__name__)

CALL_SHARE = 0.7  # of a lease: a call that takes longer is over before somebody else decides
STALE_SECONDS = 2  # a batch that waited longer is put back, to be judged anew
AT_ONCE = TryLater("not_begun", counts=False, at_once=True)

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


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that came back from the provider."""

    pairs: Sequence[tuple[Outgoing, Outcome]] = ()
    flight: Flight | None = None
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch to send. `granted`: so many the provider may be given now; if none, there is another
    in `wait`. `at`: when it was judged, by `time.monotonic()`."""

    claimed: Claimed
    granted: int
    wait: timedelta
    at: float = field(default_factory=time.monotonic)

    @property
    def is_full(self) -> bool:
        """Whether there may be more."""
        return 0 < self.claimed.looked_at == self.granted


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


class Work:
    """The steps of one worker's pass over a channel."""

    def __init__(self, channel: str, provider: Provider | Careful) -> None:
        self.channel, self.provider = channel, provider
        self.claimer = Claimer(
            channel,
            provider.name,
            Links(config()),
            keeps_journal=getattr(provider, "keeps_journal", False),
            counts=config().track_links,
        )
        self.lease = config().message_lease_seconds
        self.stale_seconds = min(STALE_SECONDS, 0.2 * self.lease)
        with transaction():
            self.rules = policy.current()

    def next(self, last: Sent) -> Turn:
        """Record one batch and claim the next: in one transaction, unless something was not sent.

        What was not sent unlocks days of members in another order than a claim locks them.
        """
        provider = self.provider
        with transaction():
            self.rules = rules = policy.current()
        rate = rules.rates.get(provider.name)
        granted, wait = throttle.take(provider.name, provider.batch, rate)
        if not all(isinstance(outcome, Accepted) for _, outcome in last.pairs):
            self.record(last)
            last = Sent()
        with transaction():
            self._record(last)
            claimed = Claimed()
            if granted:
                claimed = self.claimer.claim(granted, rules, clock.now())
        throttle.give_back(provider.name, granted - len(claimed.batch))
        return Turn(claimed, granted, wait)

    def send(self, turn: Turn) -> Sent:
        """Give a batch to the provider; one that is old is put back."""
        batch, began = turn.claimed.batch, time.monotonic()
        if not batch:
            return Sent(flight=turn.claimed.flight)
        if began - turn.at > self.stale_seconds:
            return Sent([(one, AT_ONCE) for one in batch], turn.claimed.flight)
        outcomes = self._outcomes(turn, self.lease * CALL_SHARE - (began - turn.at))
        assert len(outcomes) == len(batch), self.provider.name
        unreachable = [one for one in outcomes if isinstance(one, TryLater) and not one.counts]
        if len(unreachable) == len(batch):
            throttle.away(self.provider.name, unreachable[0].code)
        else:
            throttle.back(self.provider.name)
        pairs = list(zip(batch, outcomes, strict=True))
        return Sent(pairs, turn.claimed.flight, time.monotonic() - began)

    def record(self, sent: Sent) -> None:
        """Write down what came of a batch, in a transaction of its own."""
        if sent.pairs:
            with transaction():
                self._record(sent)

    def save(self, *sent: Sent) -> None:
        """Write down what came of batches, as far as the database lets us: it may just have been
        restarted. Doing so again changes nothing."""
        for one in sent:
            try:
                self.record(one)
            except SQLAlchemyError:
                logger.exception("what came of a batch was not written down")

    def _outcomes(self, turn: Turn, seconds: float) -> Sequence[Outcome]:
        batch, flight = turn.claimed.batch, turn.claimed.flight
        if flight is None:
            return self.provider.send(batch, seconds=seconds)
        return self.provider.send(batch, seconds=seconds, journal=flight)  # type: ignore[call-arg]

    def _record(self, sent: Sent) -> None:
        if not sent.pairs:
            return
        recording.record(
            self.channel,
            sent.pairs,
            honours_references=self.provider.honours_references,
            policy=self.rules,
            now=clock.now(),
        )
        if sent.flight is not None:
            sent.flight.close()


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
