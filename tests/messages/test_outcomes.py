"""What a provider answers decides what becomes of a message; what a dead worker left is decided
by what can be known."""

from datetime import timedelta

import pytest
from clocks import set_to
from providers import Scripted
from readers import NOW
from sqlalchemy import text
from test_delivery import SPRING, plan, went

from crm.db import db, transaction
from crm.messages import channels, delivery, policy, recovery, sources, suppressions, throttle
from crm.messages.channels.provider import Accepted, Ambiguous, Refused, TryLater
from crm.messages.models import Message
from crm.messages.recording import backoff


@pytest.fixture
def provider(monkeypatch):
    """Lets a scripted provider take all channels."""

    def use(script=lambda one: None) -> Scripted:
        found = Scripted(script)
        monkeypatch.setattr(channels, "provider_of", lambda channel: found)
        return found

    return use


def later(seconds: float = 3600) -> None:
    set_to(NOW + timedelta(seconds=seconds))


def capped() -> int:
    return db.session.execute(text("SELECT sum(sent) FROM message_day")).scalar() or 0


def test_what_is_refused_for_good_fails_and_its_bad_address_is_left_alone(
    provider, reader, template
):
    provider(lambda one: Refused("550 5.1.1", bad_address=one.address == "gone@b.test"))
    gone = plan(reader(email="gone@b.test"), template())
    other = plan(reader(email="full@b.test"), template())
    delivery.drain(5)
    assert {went(gone), went(other)} == {"failed: refused"}
    assert suppressions.scope_of("email", "gone@b.test") == "all"
    assert suppressions.scope_of("email", "full@b.test") is None
    events = db.session.execute(text("SELECT kind, data FROM message_event")).all()
    assert {(kind, data["code"]) for kind, data in events} == {("not_taken", "550 5.1.1")}
    assert capped() == 0


def test_what_is_put_off_is_tried_again_later_and_counts_once_against_the_cap(
    provider, reader, template
):
    tries = iter([TryLater("451"), None])
    found = provider(lambda one: next(tries))
    message = plan(reader(), template())
    delivery.drain(5)
    assert went(message) == "waiting: try_later"
    row = db.session.get(Message, message)
    assert NOW + timedelta(seconds=15) <= row.due_at <= NOW + timedelta(seconds=30)
    assert (capped(), delivery.drain(5).looked_at) == (0, 0)
    later()
    delivery.drain(5)
    assert (went(message), found.calls[message], capped()) == ("sent", 2, 1)


def test_the_provider_may_say_how_long_to_wait(provider, reader, template):
    provider(lambda one: TryLater("429", after_seconds=1800))
    message = plan(reader(), template())
    delivery.drain(5)
    assert db.session.get(Message, message).due_at == NOW + timedelta(seconds=1800)


def test_tries_are_given_up_when_the_policy_says(provider, reader, template):
    with transaction():
        policy.put({"retries": {"most": 3}}, now=NOW)
    found = provider(lambda one: TryLater("451"))
    message = plan(reader(), template())
    for round_ in range(1, 6):
        later(round_ * 4000)
        delivery.drain(5)
    assert (went(message), found.calls[message]) == ("failed: given_up", 3)
    assert sources.figures(SPRING).failed == 1


def test_a_provider_that_is_away_costs_a_message_no_try_and_is_left_alone(
    provider, reader, template
):
    answers = iter([TryLater("unreachable", counts=False)])
    found = provider(lambda one: next(answers, None))
    message = plan(reader(), template())
    first = delivery.drain(5)
    assert (first.sent, went(message)) == (0, "waiting: try_later")
    assert db.session.get(Message, message).attempts == 0
    again = delivery.drain(5)
    assert again.again_in is not None
    assert timedelta(0) < again.again_in <= timedelta(seconds=5)
    assert found.calls[message] == 1
    throttle.back("scripted")
    delivery.drain(5)
    assert went(message) == "sent"


@pytest.mark.parametrize(
    ("purpose", "honours", "said", "calls"),
    [
        ("marketing", False, "unknown: no_answer", 1),
        ("service", False, "sent", 2),
        ("marketing", True, "sent", 2),
        ("service", True, "sent", 2),
    ],
)
def test_a_lost_answer(provider, reader, template, purpose, honours, said, calls):
    answers = iter([Ambiguous("dropped")])
    found = provider(lambda one: next(answers, None))
    found.honours_references = honours
    message = plan(reader(), template(purpose=purpose))
    delivery.drain(5)
    later()
    delivery.drain(5)
    assert (went(message), found.calls[message]) == (said, calls)


class Died(BaseException):
    """The worker dies here."""


def die_sending(provider, reader, template, purpose="marketing"):
    """A message whose worker died after it had marked it and before it recorded anything."""

    def script(one):
        raise Died

    found = provider(script)
    message = plan(reader(), template(purpose=purpose))
    with pytest.raises(Died):
        delivery.drain(5)
    assert went(message) == "sending"
    found.script = lambda one: None
    return found, message


def lapse() -> None:
    with transaction():
        db.session.execute(
            text("UPDATE message SET lease_until = clock_timestamp() WHERE state = 'sending'")
        )


@pytest.mark.parametrize(
    ("purpose", "honours", "said", "calls"),
    [
        ("marketing", False, "unknown: interrupted", 1),
        ("service", False, "sent", 2),
        ("marketing", True, "sent", 2),
    ],
)
def test_what_a_dead_worker_left(provider, reader, template, purpose, honours, said, calls):
    found, message = die_sending(provider, reader, template, purpose)
    found.honours_references = honours
    assert recovery.recover() == 0  # its lease stands
    lapse()
    assert recovery.recover() == 1
    delivery.drain(5)
    assert (went(message), found.calls[message]) == (said, calls)
    figures = sources.figures(SPRING)
    assert figures.planned == 1
    assert figures.sent + figures.failed == 1


@pytest.mark.parametrize(
    ("answer", "said", "calls"),
    [
        (Accepted("seen there"), "sent", 1),
        (TryLater("never seen", at_once=True), "sent", 2),
        (Refused("gone"), "failed: refused", 1),
    ],
)
def test_a_provider_that_can_be_asked_is_asked(provider, reader, template, answer, said, calls):
    found, message = die_sending(provider, reader, template)
    found.answers[message] = answer
    lapse()
    recovery.recover()
    delivery.drain(5)
    assert (went(message), found.calls[message]) == (said, calls)


def test_a_worker_that_comes_back_late_does_not_overrule_what_was_decided(
    provider, reader, template
):
    def while_it_sends(one):
        lapse()
        recovery.recover()  # somebody else gives it free, and sends it
        found.script = lambda one: None
        delivery.drain(5)
        return Refused("too late")

    found = provider(while_it_sends)
    message = plan(reader(), template(purpose="service"))
    delivery.drain(5)
    assert (went(message), found.calls[message]) == ("sent", 2)


def test_a_late_worker_that_knows_better_than_nobody_is_believed(provider, reader, template):
    def while_it_sends(one):
        with transaction():
            db.session.execute(
                text("""
                    UPDATE message SET state = 'unknown', reason = 'interrupted',
                           lease_until = NULL WHERE state = 'sending'
                """)
            )

    provider(while_it_sends)
    message = plan(reader(), template())
    delivery.drain(5)
    assert went(message) == "sent"


def test_waiting_doubles_and_is_spread(no_database):
    rules = policy.read(1, dict(policy.DEFAULT))
    for attempt, whole in ((1, 30), (2, 60), (3, 120), (8, 3600), (30, 3600)):
        found = [backoff(attempt, rules) for _ in range(50)]
        assert all(whole / 2 <= one <= whole for one in found)
        assert max(found) - min(found) > whole / 10


def test_a_provider_is_fed_no_faster_than_the_policy_says(provider, reader, template):
    found = provider()
    with transaction():
        policy.put({"rates": {"scripted": 3}}, now=NOW)
    form = template()
    for _ in range(8):
        plan(reader(), form)
    first = delivery.drain(5)
    assert first.again_in is not None
    assert timedelta(0) < first.again_in <= timedelta(seconds=1 / 3)
    assert 3 <= sum(found.calls.values()) <= 5


def test_tokens_come_back_when_they_were_not_needed():
    assert throttle.take("t", 10, 2.0)[0] == 2
    throttle.give_back("t", 2)
    granted, _ = throttle.take("t", 10, 2.0)
    assert granted == 2
    granted, wait = throttle.take("t", 10, 0.5)
    assert (granted, wait > timedelta(0)) == (0, True)
