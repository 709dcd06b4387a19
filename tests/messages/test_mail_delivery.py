"""From a planned message to a letter in a mailbox, and back when the mailbox says no."""

from datetime import timedelta

import pytest
from clocks import set_to
from mail_servers import mailer, real_server, scripted
from readers import NOW
from sqlalchemy import text
from test_delivery import plan, went

from crm.db import config, db
from crm.messages import channels, delivery, suppressions


@pytest.fixture
def deliver_to(monkeypatch):
    """Lets the mail server on a port of this machine take the mails."""
    made = []

    def use(port: int) -> None:
        made.append(mailer(port))
        monkeypatch.setattr(channels, "provider_of", lambda channel: made[-1])

    yield use
    for one in made:
        one.lines.close()


def test_a_planned_message_arrives_with_a_link_that_opts_out(client, reader, template, deliver_to):
    member = reader(name="小明", locale="zh-Hans", email="m@b.test")
    first = plan(member, template())
    with real_server() as (box, port):
        deliver_to(port)
        assert delivery.drain(5).sent == 1
    ((_, recipients, letter),) = box.got
    assert (recipients, letter["Subject"]) == (["m@b.test"], "小明，你好")
    assert letter["Message-ID"] == f"<{first}@shop.test>"
    way_out = letter["List-Unsubscribe"].strip("<>").removeprefix(config().base_url)
    assert client.post(way_out, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    second = plan(member, template(), "another")
    delivery.drain(5)
    assert went(second) == "suppressed: opted_out"


def test_somebody_who_opts_out_while_others_are_written_to_gets_nothing(
    reader, template, deliver_to
):
    members = [reader(email=f"m{n}@b.test") for n in range(60)]
    form = template()
    messages = [plan(one, form) for one in members]
    last = members[-1]

    def answers(verb: str, texts: list) -> None:
        if verb == "TEXT" and len(texts) == 5:
            ready.append(True)

    ready: list[bool] = []
    with scripted(answers) as server:
        deliver_to(server.port)
        provider = channels.provider_of("email")
        provider.batch = 10  # type: ignore[union-attr]
        send = provider.send  # type: ignore[union-attr]

        def and_then_he_leaves(batch, **more):
            outcomes = send(batch, **more)
            db.session.execute(
                text("UPDATE member_consent SET granted = false WHERE member_id = :m"), {"m": last}
            )
            db.session.commit()
            return outcomes

        provider.send = and_then_he_leaves  # type: ignore[union-attr]
        assert delivery.drain(10).sent == 59
    assert ready
    assert {went(one) for one in messages[:-1]} == {"sent"}
    assert went(messages[-1]) == "suppressed: opted_out"
    assert len(server.texts) == 59


def test_a_mailbox_that_is_gone_is_written_to_no_more(reader, template, deliver_to):
    member, form = reader(email="gone@b.test"), template(purpose="service")
    first = plan(member, form, "first")
    with real_server(refuse=lambda address: "550 5.1.1 nobody") as (_, port):
        deliver_to(port)
        delivery.drain(5)
    assert went(first) == "failed: refused"
    assert suppressions.scope_of("email", "gone@b.test") == "all"
    second = plan(member, form, "second")
    delivery.drain(5)
    assert went(second) == "suppressed: address_suppressed"


def test_a_server_that_is_busy_gets_the_letter_later(reader, template, deliver_to):
    message = plan(reader(), template())
    answers = iter(["451 4.3.0 busy", "250 taken"])
    with real_server(answer=lambda: next(answers)) as (box, port):
        deliver_to(port)
        delivery.drain(5)
        assert went(message) == "waiting: try_later"
        set_to(NOW + timedelta(minutes=1))
        delivery.drain(5)
    assert (went(message), len(box.got)) == ("sent", 1)
