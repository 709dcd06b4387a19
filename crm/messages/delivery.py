"""Delivery: claim, judge, commit `sending`, call the provider, record; until nothing is due.

Any number of workers do this at once. No transaction is open while a provider is talked to. What
was recorded of one batch and the claim of the next share a transaction, so a batch costs one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from crm import clock
from crm.db import config, db, transaction
from crm.messages import channels, policy, recording, throttle
from crm.messages.channels.provider import Accepted, Outcome, Outgoing, Provider, TryLater
from crm.messages.claiming import Claimer
from crm.messages.links import Links
from crm.messages.recording import Tried
from crm.messages.states import CHANNELS, Reason
from crm.queue import stopping

CALL_SHARE = 0.7  # of a lease: a call that takes longer is over before somebody else decides

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

Batch = Sequence[tuple[Outgoing, Outcome]]


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
    claimer = Claimer(channel, provider.name, Links(config()))
    found, sent = Pass(), ()
    while True:
        with transaction():
            rules = policy.current()
        granted, wait = throttle.take(provider.name, provider.batch, rules.rates.get(provider.name))
        looked_at, batch = _turn(claimer, provider, sent, granted, rules)
        throttle.give_back(provider.name, granted - len(batch))
        if looked_at == provider.batch and not found.looked_at:
            on_crowd()
        sent = _send(provider, batch)
        found.looked_at += looked_at
        found.sent += sum(isinstance(outcome, Accepted) for _, outcome in sent)
        found.more = 0 < looked_at == granted
        found.again_in = wait if granted == 0 else None
        if granted == 0 or looked_at < granted or stopping.is_set() or time.monotonic() >= until:
            _turn(claimer, provider, sent, 0, rules)
            return found


def _turn(
    claimer: Claimer, provider: Provider, sent: Batch, most: int, rules: policy.Policy
) -> tuple[int, list[Outgoing]]:
    """Record one batch and claim the next: in one transaction, unless something was not sent.

    What was not sent unlocks days of members in another order than a claim locks them.
    """
    if sent and not all(isinstance(outcome, Accepted) for _, outcome in sent):
        with transaction():
            _record(claimer.channel, provider, sent, rules)
        sent = ()
    if not sent and not most:
        return 0, []
    with transaction():
        _record(claimer.channel, provider, sent, rules)
        return claimer.claim(most, rules, clock.now()) if most else (0, [])


def _send(provider: Provider, batch: Sequence[Outgoing]) -> Batch:
    if not batch:
        return ()
    seconds = config().message_lease_seconds * CALL_SHARE
    outcomes = provider.send(batch, seconds=seconds)
    assert len(outcomes) == len(batch), provider.name
    unreachable = [one for one in outcomes if isinstance(one, TryLater) and not one.counts]
    if len(unreachable) == len(batch):
        throttle.away(provider.name)
    else:
        throttle.back(provider.name)
    return list(zip(batch, outcomes, strict=True))


def _record(channel: str, provider: Provider, sent: Batch, rules: policy.Policy) -> None:
    pairs: list[tuple[Tried, Outcome]] = [(recording.tried(one), was) for one, was in sent]
    recording.record(
        channel,
        pairs,
        honours_references=provider.honours_references,
        policy=rules,
        now=clock.now(),
    )


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
