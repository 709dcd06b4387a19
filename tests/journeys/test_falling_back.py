"""An address that turns out bad between the choice of channel and the sending: the second tells."""

from datetime import timedelta
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from flask import Flask
from sqlalchemy import text
from test_two_channels import BOTH, DAY, has, sms, suppress, told
from travellers import NOON, consent, run_at, switch, traveller

from crm.db import db, transaction
from crm.messages import channels, delivery, sources
from crm.messages.channels import sandbox
from crm.messages.channels.provider import Outcome, Outgoing, Refused
from crm.messages.planning import Source

MEMBER_DAY = Source("journey", "member_day")
LAST = text("SELECT state, reason, channel FROM message ORDER BY id DESC LIMIT 1")


def planned(phone: str | None = "+8613800000001", **more) -> UUID:
    """A member whose message waits as a mail, with a text message behind it."""
    member = has(traveller(consents=BOTH), phone=phone)
    switch("member_day", days_of_month=[22], fallback_template=sms("member_day"), **more)
    assert run_at(NOON, set_to) == 1
    assert told() == {member: ["email"]}
    return member


def sent() -> tuple:
    """What became of the message, after workers had all the turns they want."""
    while delivery.drain(5).looked_at:
        pass
    return tuple(db.session.execute(LAST).one())


@pytest.mark.parametrize("scope", ["all", "marketing"])
def test_an_address_that_was_suppressed_meanwhile_is_told_by_text_message(admin: Api, scope):
    suppress(planned(), scope)
    assert sent() == ("sent", None, "sms")
    figures = sources.figures(MEMBER_DAY)
    assert (figures.planned, figures.sent, figures.suppressed) == (1, 1, 0)
    found = admin.get("/journeys/member_day/results").get_json()
    assert (found["sent"], found["channels"]) == (1, {"sms": 1})
    (one,) = admin.get("/messages?source_type=journey").get_json()["data"]
    events = admin.get(f"/messages/{one['id']}").get_json()["events"]
    assert [(event["kind"], event["data"]) for event in events] == [("fell_back", {"code": "sms"})]
    (kept,) = admin.get("/sandbox/messages").get_json()["data"]
    assert (kept["channel"], kept["address"]) == ("sms", "+8613800000001")


def test_an_address_that_was_taken_away_meanwhile_is_told_by_text_message(app: Flask):
    has(planned(), email=None)
    assert sent() == ("sent", None, "sms")


def test_a_mail_server_that_knows_nobody_there_makes_it_a_text_message(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    class Nobody(sandbox.Sink):
        def send(self, batch: list[Outgoing], *, seconds: float) -> list[Outcome]:
            return [Refused("550 5.1.1", bad_address=True) for _ in batch]

    found = {"email": Nobody(), "sms": sandbox.Sink()}
    monkeypatch.setattr(channels, "provider_of", found.get)
    member = planned()
    assert sent() == ("sent", None, "sms")
    (day,) = db.session.execute(
        text("SELECT sent FROM message_day WHERE member_id = :m"), {"m": member}
    )
    assert day.sent == 1


def test_a_mail_that_is_refused_for_what_it_says_is_no_text_message(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    class Strict(sandbox.Sink):
        def send(self, batch: list[Outgoing], *, seconds: float) -> list[Outcome]:
            return [Refused("554 5.7.1") for _ in batch]

    monkeypatch.setattr(channels, "provider_of", {"email": Strict()}.get)
    planned()
    assert sent() == ("failed", "refused", "email")


@pytest.mark.parametrize("lacks", ["phone", "consent"])
def test_where_the_second_reaches_nobody_either_the_first_says_why(app: Flask, lacks):
    member = planned(phone=None if lacks == "phone" else "+8613800000001")
    if lacks == "consent":
        consent(member, "sms.marketing", granted=False, at=NOON + timedelta(minutes=1))
    suppress(member)
    assert sent() == ("suppressed", "address_suppressed", "email")


def test_who_opts_out_meanwhile_is_not_written_to_by_another_way(app: Flask):
    consent(planned(), "email.marketing", granted=False, at=NOON + timedelta(minutes=1))
    assert sent() == ("suppressed", "opted_out", "email")


def test_without_a_second_template_nothing_follows(app: Flask):
    member = has(traveller(consents=BOTH), phone="+8613800000001")
    switch("member_day", days_of_month=[22])
    run_at(NOON, set_to)
    suppress(member)
    assert sent() == ("suppressed", "address_suppressed", "email")


def test_it_falls_back_once_and_is_judged_anew_by_the_other_channel(app: Flask):
    """Both addresses bounce, one after the other; and texts have hours of their own."""
    member = planned()
    suppress(member)
    with transaction():
        db.session.execute(
            text("UPDATE message SET due_at = :at, not_after = :at + interval '3 days'"),
            {"at": NOON + 11 * timedelta(hours=1)},
        )
    set_to(NOON + timedelta(hours=11))
    delivery.drain(5)
    assert sent() == ("waiting", "quiet_hours", "sms")
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO suppression (channel, address_key, scope, reason, at)
                SELECT 'sms', message_address_key('sms', '+8613800000001'), 'all', 'bounced', :at
            """),
            {"at": NOON},
        )
    set_to(NOON + DAY)
    assert sent() == ("suppressed", "address_suppressed", "sms")
