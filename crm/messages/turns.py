"""A worker's turns on one channel: claim, judge, commit `sending`, call the provider, record.

No transaction is open while a provider is talked to.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from crm import clock
from crm.db import config, transaction
from crm.messages import policy, recording, throttle
from crm.messages.channels.provider import Accepted, Careful, Outcome, Outgoing, Provider, TryLater
from crm.messages.claiming import Claimed, Claimer
from crm.messages.flight import Flight
from crm.messages.links import Links

logger = logging.getLogger(__name__)

CALL_SHARE = 0.7  # of a lease: a call that takes longer is over before somebody else decides
STALE_SECONDS = 2  # a batch that waited longer is put back, to be judged anew
AT_ONCE = TryLater("not_begun", counts=False, at_once=True)


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
