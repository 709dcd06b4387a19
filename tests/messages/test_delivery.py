"""What is due goes, once, to whom it may go to; of what does not it is said why."""

from datetime import timedelta

import pytest
from clocks import set_to
from readers import NOW, make_reader
from sqlalchemy import text

from crm import clock
from crm.db import db, transaction
from crm.messages import delivery, planning, policy, sources, suppressions
from crm.messages.models import Message
from crm.messages.planning import Source
from crm.messages.states import Reason

SPRING = Source("campaign", "spring")


def plan(member, template, occasion=None, now=None, source=SPRING, **more):
    with transaction():
        message = planning.plan(
            member, occasion=occasion or f"o:{member}", template_id=template, source=source,
            now=now or clock.now(), variables={"coupon": {"code": "A&B"}}, **more,
        )  # fmt: skip
    assert message is not None
    return message.id


def went(message_id) -> str:
    """The state of a message, with its reason."""
    db.session.expire_all()
    row = db.session.get(Message, message_id)
    return row.state + (f": {row.reason}" if row.reason else "")


def kept_in_sandbox() -> list:
    return db.session.execute(text("SELECT * FROM sandbox_message ORDER BY id")).all()


def test_a_message_goes_in_the_members_language_and_says_what_was_planned(reader, template):
    form = template()
    chinese = plan(reader(name="小明", locale="zh-Hans", email="m@b.test"), form)
    nameless = plan(reader(locale="en"), form)
    assert delivery.drain(5).sent == 2
    first, second = kept_in_sandbox()
    assert (went(chinese), went(nameless)) == ("sent", "sent")
    assert (first.address, first.subject, first.locale) == ("m@b.test", "小明，你好", "zh-Hans")
    assert first.text.startswith("您的优惠券：A&B\n\n不再接收此类邮件：http")
    assert first.html.startswith("<p>您的优惠券：<b>A&amp;B</b></p><p><a href=")
    assert second.subject == "Hello friend"
    assert first.headers["List-Unsubscribe"].startswith("<http://127.0.0.1:8000/u/")
    row = db.session.get(Message, chinese)
    assert (row.attempts, row.provider, row.sent_at, row.lease_until) == (1, "sandbox", NOW, None)


def test_what_was_sent_is_not_sent_again(reader, template):
    plan(reader(), template())
    assert [delivery.drain(5).sent for _ in range(3)] == [1, 0, 0]


def test_a_message_waits_until_it_is_due(reader, template):
    later = plan(reader(), template(), due_at=NOW + timedelta(hours=1))
    assert delivery.drain(5).looked_at == 0
    set_to(NOW + timedelta(hours=1))
    assert delivery.drain(5).sent == 1
    assert went(later) == "sent"


@pytest.mark.parametrize(
    ("more", "purpose", "said"),
    [
        ({"consents": {}}, "marketing", "suppressed: opted_out"),
        ({"consents": {"email.marketing": False}}, "marketing", "suppressed: opted_out"),
        ({"consents": {"sms.marketing": True}}, "marketing", "suppressed: opted_out"),
        ({"consents": {"email.service": True}}, "marketing", "suppressed: opted_out"),
        ({"consents": {}}, "service", "sent"),
        ({"consents": {"email.service": False}}, "service", "suppressed: opted_out"),
        ({"email": None}, "marketing", "suppressed: no_address"),
    ],
)
def test_consent_and_address_are_asked(template, more, purpose, said):
    message = plan(make_reader(**more), template(purpose=purpose))
    delivery.drain(5)
    assert went(message) == said


@pytest.mark.parametrize(
    ("scope", "purpose", "said"),
    [
        ("all", "service", "suppressed: address_suppressed"),
        ("marketing", "marketing", "suppressed: address_suppressed"),
        ("marketing", "service", "sent"),
    ],
)
def test_an_address_that_bounced_or_complained_is_left_alone(
    reader, template, scope, purpose, said
):
    message = plan(reader(email="gone@b.test"), template(purpose=purpose))
    with transaction():
        suppressions.add("email", ["gone@b.test"], scope=scope, reason="bounced", now=NOW)
    delivery.drain(5)
    assert went(message) == said


def become(member, status: str, into=None) -> None:
    with transaction():
        db.session.execute(
            text("UPDATE member SET status = :s, merged_into = :into WHERE id = :m"),
            {"s": status, "m": member, "into": into},
        )


@pytest.mark.parametrize("purpose", ["marketing", "service"])
def test_an_erased_member_gets_nothing(reader, template, purpose):
    member = reader()
    message = plan(member, template(purpose=purpose))
    become(member, "erased")
    delivery.drain(5)
    assert went(message) == "suppressed: member_erased"


def test_a_member_with_an_open_case_gets_service_messages_only(reader, template):
    member = reader()
    news = plan(member, template(), "news")
    receipt = plan(member, template(purpose="service"), "receipt")
    with transaction():
        db.session.execute(
            text("INSERT INTO message_block VALUES (:m, 'open_case', 'case 1', :now)"),
            {"m": member, "now": NOW},
        )
    delivery.drain(5)
    assert (went(news), went(receipt)) == ("suppressed: open_case", "sent")


def test_what_came_too_late_is_not_sent(reader, template):
    message = plan(reader(), template(), not_after=NOW + timedelta(minutes=1))
    set_to(NOW + timedelta(minutes=1))
    delivery.drain(5)
    assert went(message) == "suppressed: expired"


def test_a_paused_source_waits_and_goes_on_where_it_was(reader, template):
    form = template()
    messages = [plan(reader(), form) for _ in range(3)]
    with transaction():
        sources.pause(SPRING, now=NOW)
    other = plan(reader(), form, source=Source("campaign", "other"))
    assert delivery.drain(5).sent == 1
    assert [went(one) for one in messages] == ["waiting: paused"] * 3
    assert went(other) == "sent"
    assert delivery.drain(5).looked_at == 0
    with transaction():
        sources.resume(SPRING, now=NOW)
    assert delivery.drain(5).sent == 3


def test_a_stopped_source_is_cancelled_exactly(reader, template):
    form = template()
    gone = plan(reader(), form)
    assert delivery.drain(5).sent == 1
    waiting, late = plan(reader(), form), plan(reader(), form)
    with transaction():
        sources.stop(SPRING, reason=Reason.BUDGET, now=NOW)
        assert sources.cancel_waiting(SPRING, reason=Reason.BUDGET, most=1, now=NOW) == 1
    delivery.drain(5)
    assert went(gone) == "sent"
    assert {went(waiting), went(late)} == {"cancelled: budget"}
    found = sources.figures(SPRING)
    assert (found.planned, found.sent, found.cancelled, found.pending) == (3, 1, 2, 0)


def test_a_template_that_cannot_be_filled_fails_and_harms_no_other(reader, template):
    broken = {"en": {"subject": "{{ nobody_gave_this }}", "text": "x"}}
    unreadable = {"en": {"subject": "{% if %}", "text": "x"}}
    silent = plan(reader(), template(languages=broken))
    worse = plan(reader(), template(languages=unreadable))
    empty = plan(reader(), template(languages={}))
    good = plan(reader(), template())
    assert delivery.drain(5).sent == 1
    assert [went(one) for one in (silent, worse, empty)] == ["failed: template_failed"] * 3
    assert went(good) == "sent"
    assert db.session.execute(text("SELECT sum(sent) FROM message_day")).scalar_one() == 1


def test_values_are_escaped_in_html_and_never_evaluated_again(reader, template):
    plan(reader(name="{{ code }}<script>"), template(languages={
        "en": {"subject": "{{ member.name }}", "html": "<p>{{ member.name }}</p>"}
    }))  # fmt: skip
    delivery.drain(5)
    (row,) = kept_in_sandbox()
    assert row.subject == "{{ code }}<script>"
    assert row.html.startswith("<p>{{ code }}&lt;script&gt;</p>")


def test_a_live_shop_without_a_provider_says_so(reader, template, monkeypatch):
    message = plan(reader(), template())
    monkeypatch.setattr(delivery.channels, "provider_of", lambda channel: None)
    assert delivery.drain(5).sent == 0
    assert went(message) == "failed: channel_off"


def test_many_go_in_batches_and_the_figures_add_up(template):
    form = template()
    members = [make_reader() for _ in range(450)]
    said = {"coupon": {"code": "1"}}
    rows = [{"member_id": one, "occasion": f"c:{one}", "variables": said} for one in members]
    with transaction():
        planning.plan_many(rows, template_id=form, source=SPRING, now=NOW)
    assert delivery.drain(20).sent == 450
    assert len(kept_in_sandbox()) == 450
    found = sources.figures(SPRING)
    assert (found.planned, found.sent, found.pending) == (450, 450, 0)


def test_a_policy_counts_at_once(reader, template):
    with transaction():
        policy.put({"caps": {"per_day": 0}}, now=NOW)
    message = plan(reader(), template())
    delivery.drain(5)
    assert went(message) == "suppressed: capped"
