"""What was begun is written ahead, so that of a dead worker's batch only that is in doubt."""

from datetime import timedelta

import pytest
from clocks import set_to
from mail_servers import mailer, scripted
from readers import NOW
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from test_delivery import plan, went

from crm.db import db
from crm.messages import channels, delivery, recovery, turns
from crm.messages.channels.provider import TryLater
from crm.messages.channels.smtp import Smtp
from crm.messages.claiming import Claimer
from crm.messages.flight import Grounded, is_set
from crm.messages.links import Links
from crm.messages.models import Message, MessageFlight
from crm.messages.policy import current


@pytest.fixture
def mail(monkeypatch):
    """A mail server that takes everything, over two connections at a time."""
    with scripted() as server:
        found = mailer(server.port, connections=2)
        monkeypatch.setattr(channels, "provider_of", lambda channel: found)
        yield server
        found.lines.close()


def claim(most: int = 50):
    """A batch that a worker has claimed."""
    claimer = Claimer("email", "smtp", Links(channels.config()), keeps_journal=True)
    claimed = claimer.claim(most, current(), NOW)
    assert claimed.flight is not None
    db.session.commit()
    return claimed.batch, claimed.flight


def lapse() -> None:
    """The lease of all that is being sent has ended."""
    db.session.execute(
        text("UPDATE message SET lease_until = clock_timestamp() WHERE state = 'sending'")
    )
    db.session.commit()


@pytest.mark.parametrize(("purpose", "doubtful"), [("marketing", "unknown"), ("service", "sent")])
def test_of_a_dead_workers_batch_only_what_was_begun_is_in_doubt(
    mail, reader, template, purpose, doubtful
):
    form = template(purpose=purpose)
    for _ in range(6):
        plan(reader(), form)
    batch, flight = claim()
    assert flight.begin([0, 1, 2]).result() == frozenset()
    flight.took(0)
    assert flight.begin([3]).result() == frozenset()
    lapse()
    assert recovery.recover() == 6
    assert went(batch[0].id) == "sent"
    assert db.session.get(Message, batch[4].id).attempts == 0  # type: ignore[union-attr]
    delivery.drain(5)
    states = {one.id: went(one.id).partition(":")[0] for one in batch}
    assert [states[one.id] for one in batch[1:4]] == [doubtful] * 3
    assert [states[one.id] for one in batch[4:]] == ["sent"] * 2
    written = {raw.split(b"@")[0][-36:].decode() for raw in mail.texts}
    again = {str(one.id) for one in batch[(1 if purpose == "service" else 4) :]}
    assert written == again
    assert len(mail.texts) == len(again)


def test_a_worker_whose_lease_lapsed_can_begin_nothing_more(mail, reader, template):
    plan(reader(), template())
    batch, flight = claim()
    lapse()
    recovery.recover()
    with pytest.raises(Grounded):
        flight.begin([0]).result()
    provider = channels.provider_of("email")
    assert isinstance(provider, Smtp)
    (outcome,) = provider.send(batch, seconds=5, journal=flight)
    assert outcome == TryLater("unreachable", counts=False)
    assert mail.texts == []


def test_who_opts_out_between_claim_and_call_gets_nothing(mail, reader, template, monkeypatch):
    members = [reader(email=f"m{n}@b.test") for n in range(5)]
    messages = [plan(one, template()) for one in members]
    provider = channels.provider_of("email")
    assert provider is not None
    send = provider.send

    def and_he_leaves_before(batch, **more):
        gone = "UPDATE member_consent SET granted = false WHERE member_id = :m"
        db.session.execute(text(gone), {"m": members[3]})
        db.session.commit()
        return send(batch, **more)

    monkeypatch.setattr(provider, "send", and_he_leaves_before)
    assert delivery.drain(5).sent == 4
    assert went(messages[3]) == "suppressed: opted_out"
    assert "RCPT TO:<m3@b.test>" not in mail.heard
    assert db.session.execute(text("SELECT sum(sent) FROM message_day")).scalar_one() == 4


def test_a_test_mail_goes_to_who_has_opted_out(mail, reader, template):
    member = reader(consents={"email.service": False})
    plan(member, template(purpose="service"))
    db.session.execute(text("UPDATE message SET source_type = 'test', address = 'me@b.test'"))
    db.session.commit()
    assert delivery.drain(5).sent == 1
    assert "RCPT TO:<me@b.test>" in mail.heard


def test_a_recorded_batch_leaves_no_flight(mail, reader, template):
    form = template()
    for _ in range(9):
        plan(reader(), form)
    assert delivery.drain(5).sent == 9
    assert db.session.query(MessageFlight).count() == 0


def test_a_batch_that_grew_old_is_put_back_and_judged_anew(mail, reader, template, monkeypatch):
    message = plan(reader(), template())
    monkeypatch.setattr(turns, "STALE_SECONDS", -1)
    assert delivery.drain(1).sent == 0
    assert went(message) == "waiting: try_later"
    monkeypatch.undo()
    set_to(NOW + timedelta(seconds=1))
    row = db.session.get(Message, message)
    assert row is not None
    assert row.attempts == 0


def test_bits_are_counted_as_postgresql_counts_them(context):
    for places in ([], [0], [7, 8], [3, 17, 64]):
        bits = sum(1 << place for place in places).to_bytes(16, "little")
        for place in range(80):
            found = db.session.execute(
                text("SELECT get_bit(CAST(:bits AS bytea), :place)"), {"bits": bits, "place": place}
            ).scalar_one()
            assert (found == 1) == is_set(bits, place) == (place in places)


def test_what_was_sent_is_written_down_though_the_next_claim_fails(
    mail, reader, template, monkeypatch
):
    form = template()
    messages = [plan(reader(), form) for _ in range(30)]
    provider = channels.provider_of("email")
    assert provider is not None
    monkeypatch.setattr(provider, "batch", 10)
    tries = iter([False, False, True])
    claim_one = Claimer.claim

    def claim_or_not(self, *args):
        if next(tries):
            raise OperationalError("claim", {}, Exception("the server was restarted"))
        return claim_one(self, *args)

    monkeypatch.setattr(Claimer, "claim", claim_or_not)
    with pytest.raises(OperationalError):
        delivery.drain(5)
    states = [went(one) for one in messages]
    assert len(mail.texts) == states.count("sent") == 20
    assert db.session.query(MessageFlight).count() == 0
