"""Who can't be reached by a journey's first template is told by its second, once all the same."""

from datetime import timedelta
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from sqlalchemy import text
from travellers import NOON, consent, coupon_template, occasions, run_at, switch, traveller

from crm.campaigns.journeys import wordings
from crm.campaigns.journeys.directory import JOURNEYS
from crm.db import db, transaction

DAY = timedelta(days=1)
BOTH = {"email.marketing": True, "sms.marketing": True}
TOLD = text("""
    SELECT member_id, channel FROM message WHERE source_type = 'journey' ORDER BY id
""")


def sms(code: str) -> str:
    """The default text message of a journey."""
    with transaction():
        return str(wordings.template_of(JOURNEYS[code], "sms", now=NOON))


def has(member: UUID, **addresses: str | None) -> UUID:
    """Give a member these addresses; None takes one away."""
    with transaction():
        for kind, value in addresses.items():
            db.session.execute(
                text("DELETE FROM member_identity WHERE member_id = :m AND kind = :k"),
                {"m": member, "k": kind},
            )
            if value is not None:
                db.session.execute(
                    text(
                        "INSERT INTO member_identity (kind, value, member_id) VALUES (:k, :v, :m)"
                    ),
                    {"m": member, "k": kind, "v": value},
                )
    return member


def suppress(member: UUID, scope: str = "all") -> UUID:
    """His mail address bounced, or complained (`marketing`)."""
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO suppression (channel, address_key, scope, reason, at)
                SELECT 'email', message_address_key('email', value), :scope, 'bounced', :at
                FROM member_identity WHERE member_id = :m AND kind = 'email'
            """),
            {"m": member, "at": NOON, "scope": scope},
        )
    return member


def told() -> dict[UUID, list[str]]:
    """By which channels each member was told."""
    db.session.rollback()
    found: dict[UUID, list[str]] = {}
    for member, channel in db.session.execute(TOLD):
        found.setdefault(member, []).append(channel)
    return found


def test_each_is_told_by_the_first_that_reaches_him_and_the_figures_say_so(admin: Api):
    """Of five members one gets a mail, two a text message, two can't be reached."""
    mail = has(traveller(consents=BOTH), phone="+8613800000001")
    no_mail = has(traveller(consents=BOTH), email=None, phone="+8613800000002")
    bounced = suppress(has(traveller(consents=BOTH), phone="+8613800000003"))
    no_phone = traveller(consents={"sms.marketing": True})
    nothing = has(traveller(consents=BOTH), email=None)
    switch("member_day", days_of_month=[25], points=5, fallback_template=sms("member_day"))

    found = admin.post("/journeys/member_day/dry-run", {"date": "2026-11-25"}).get_json()
    assert (found["due"], found["would_give"], found["points"]) == (5, 3, 15)
    assert found["channels"] == {"sms": 2, "email": 1}
    assert found["skipped"] == {"opted_out": 1, "no_address": 1}
    due = admin.get("/journeys/member_day").get_json()["due"]
    assert due == {"today": 0, "next_7_days": 3, "channels": {"sms": 2, "email": 1}}

    assert run_at(NOON + 3 * DAY, set_to) == 5
    assert told() == {mail: ["email"], no_mail: ["sms"], bounced: ["sms"]}
    assert occasions("member_day", no_phone) == [
        ("2026-11-25", "skipped", "opted_out", 0, False, False)
    ]
    assert occasions("member_day", nothing) == [
        ("2026-11-25", "skipped", "no_address", 0, False, False)
    ]
    listed = admin.get("/journeys/member_day/occasions?state=given").get_json()["data"]
    assert {UUID(one["member_id"]): one["channel"] for one in listed} == {
        mail: "email", no_mail: "sms", bounced: "sms"
    }  # fmt: skip


def test_an_occasion_is_told_once_though_the_other_channel_opens_afterwards():
    member = has(traveller(consents={"sms.marketing": True}), phone="+8613800000001")
    switch("member_day", days_of_month=[22], fallback_template=sms("member_day"))
    assert run_at(NOON, set_to) == 1
    consent(member, "email.marketing", granted=True)
    switch("member_day", fallback_template=None)
    assert run_at(NOON + timedelta(hours=1), set_to) == 0
    assert told() == {member: ["sms"]}


def test_a_complaint_about_mail_stops_marketing_by_mail_but_no_service():
    member = suppress(has(traveller(consents=BOTH), phone="+8613800000001"), scope="marketing")
    switch("member_day", days_of_month=[22], fallback_template=sms("member_day"))
    assert run_at(NOON, set_to) == 1
    joined = suppress(
        has(traveller(joined=NOON, consents={}), phone="+8613800000002"), scope="marketing"
    )
    switch("welcome", fallback_template=sms("welcome"))
    assert run_at(NOON + timedelta(hours=1), set_to) >= 1
    assert told()[member] == ["sms"]
    assert told()[joined] == ["email"]


def test_who_refused_service_mail_is_asked_by_text_message():
    member = has(traveller(joined=NOON, consents={"email.service": False}), phone="+8613800000001")
    switch("welcome", fallback_template=sms("welcome"))
    run_at(NOON, set_to)
    assert told()[member] == ["sms"]


def test_a_birthday_gift_is_given_though_nothing_reaches_the_member(admin: Api):
    """Coupons and points of both channels' members are given in one step, each of them once."""
    coupon = str(coupon_template(stock=3))
    by_mail = traveller(born=(11, 22))
    by_text = has(
        traveller(born=(11, 22), consents={"sms.marketing": True}), phone="+8613800000001"
    )
    silent = has(traveller(born=(11, 22), consents={}), email=None)
    switch(
        "birthday", points=10, coupon_template=coupon, by_tier=False,
        fallback_template=sms("birthday"),
    )  # fmt: skip
    found = admin.post("/journeys/birthday/dry-run", {"date": "2026-11-22"}).get_json()
    assert (found["would_give"], found["channels"]) == (3, {"email": 1, "sms": 1})
    assert run_at(NOON, set_to) == 3
    for member in (by_mail, by_text, silent):
        assert occasions("birthday", member) == [("2026-11-22", "given", None, 10, True, True)]
    assert told() == {by_mail: ["email"], by_text: ["sms"], silent: ["email"]}


def test_without_a_second_template_who_has_no_address_is_skipped(admin: Api):
    member = has(traveller(consents=BOTH), email=None, phone="+8613800000001")
    switch("member_day", days_of_month=[22], points=5)
    run_at(NOON, set_to)
    assert occasions("member_day", member) == [
        ("2026-11-22", "skipped", "no_address", 0, False, False)
    ]
    assert told() == {}


@pytest.mark.parametrize("named_first", [True, False])
def test_the_second_template_is_of_another_channel(admin: Api, named_first: bool):
    """Also where the first is not named: the default one is a mail."""
    with transaction():
        mail = str(wordings.template_of(JOURNEYS["holiday"], now=NOON))
    settings = {"fallback_template": mail} | ({"template": mail} if named_first else {})
    answer = admin.patch("/journeys/birthday", {"enabled": True, "settings": settings})
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert (error["pointer"], error["code"]) == ("/settings/fallback_template", "same_channel")
    assert admin.get("/journeys/birthday").get_json()["version"] == 0


def test_the_first_template_can_t_become_what_the_second_is(admin: Api):
    switch("birthday", fallback_template=sms("birthday"))
    answer = admin.patch("/journeys/birthday", {"settings": {"template": sms("holiday")}})
    (error,) = answer.get_json()["errors"]
    assert (error["pointer"], error["code"]) == ("/settings/template", "same_channel")


def test_a_second_template_that_is_gone_is_refused(admin: Api):
    nowhere = "01900000-0000-7000-8000-00000000ffff"
    answer = admin.patch("/journeys/birthday", {"settings": {"fallback_template": nowhere}})
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == "/settings/fallback_template"
    text_message = sms("birthday")
    archived = {"version": 1, "archived": True}
    assert admin.put(f"/templates/{text_message}", archived).status_code == 200
    body = {"settings": {"fallback_template": text_message}}
    (error,) = admin.patch("/journeys/birthday", body).get_json()["errors"]
    assert (error["pointer"], error["code"]) == ("/settings/fallback_template", "template_archived")
