"""Nobody is written to at night or too often, by his own clock."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from clocks import set_to
from readers import NOW
from sqlalchemy import text
from test_delivery import plan, went

from crm.db import db, transaction
from crm.messages import delivery, hours, policy
from crm.messages.models import Message

NINE_TO_HALF_PAST_EIGHT = (time(9), time(20, 30))
SHOP = "Asia/Shanghai"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of November 2026 by the clock of Shanghai."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


def due(message_id) -> datetime:
    db.session.expire_all()
    return db.session.get(Message, message_id).due_at


def test_marketing_at_night_waits_for_the_morning_where_the_member_lives(reader, template):
    form = template()
    set_to(at(22, 21))  # ten in the morning in Sao Paulo, two at night in Auckland
    shanghai, brazil = plan(reader(), form), plan(reader(zone="America/Sao_Paulo"), form)
    auckland = plan(reader(zone="Pacific/Auckland"), form)
    delivery.drain(5)
    assert went(brazil) == "sent"
    assert {went(shanghai), went(auckland)} == {"waiting: quiet_hours"}
    assert due(shanghai) == at(23, 9)
    assert due(auckland) == datetime(2026, 11, 22, 20, tzinfo=UTC)
    set_to(at(23, 9))
    delivery.drain(5)
    assert {went(shanghai), went(auckland)} == {"sent"}


def test_a_message_that_the_morning_would_be_too_late_for_is_not_sent(reader, template):
    form = template()
    set_to(at(22, 21))
    today = plan(reader(), form, not_after=at(23, 0))
    just = plan(reader(), form, not_after=at(23, 9))
    in_time = plan(reader(), form, not_after=at(23, 9) + timedelta(seconds=1))
    delivery.drain(5)
    assert {went(today), went(just)} == {"suppressed: quiet_expired"}
    assert went(in_time) == "waiting: quiet_hours"


@pytest.mark.parametrize(
    ("local", "state"),
    [
        (time(8, 59, 59), "waiting: quiet_hours"), (time(9), "sent"),
        (time(20, 29, 59), "sent"), (time(20, 30), "waiting: quiet_hours"),
    ],
)  # fmt: skip
def test_the_hours_begin_and_end_to_the_second(reader, template, local, state):
    set_to(datetime.combine(date(2026, 11, 22), local, UTC) - timedelta(hours=8))
    message = plan(reader(), template())
    delivery.drain(5)
    assert went(message) == state


def test_service_by_email_goes_at_any_hour_and_by_sms_never_at_night(reader, template):
    set_to(at(22, 23))
    member = reader(phone="+8613900000001")
    mail = plan(member, template(purpose="service"), "mail")
    sms = plan(member, template("sms", "service"), "sms")
    delivery.drain(5)
    assert (went(mail), went(sms)) == ("sent", "waiting: quiet_hours")
    assert due(sms) == at(23, 8)
    set_to(at(23, 8))
    delivery.drain(5)
    assert went(sms) == "sent"


def test_no_policy_lets_marketing_by_sms_go_at_night(reader, template):
    with transaction():
        policy.put({"quiet_hours": {"marketing": {"from": "00:00", "to": "23:59"}}}, now=NOW)
    set_to(at(22, 23))
    member = reader(phone="+8613900000002", consents={"sms.marketing": True})
    message = plan(member, template("sms"))
    delivery.drain(5)
    assert due(message) == at(23, 8)


@pytest.mark.parametrize(
    ("zone", "now", "opens"),
    [
        # Clocks go forward at 02:00 on 29 March 2026 in Berlin, back at 03:00 on 25 October.
        ("Europe/Berlin", "2026-03-28T22:00", "2026-03-29T07:00"),
        ("Europe/Berlin", "2026-10-24T20:00", "2026-10-25T08:00"),
        ("Asia/Kolkata", "2026-11-22T16:00", "2026-11-23T03:30"),
        ("Pacific/Kiritimati", "2026-11-22T07:00", "2026-11-22T19:00"),
        ("Antarctica/Troll", "2026-03-29T00:30", "2026-03-29T07:00"),
        ("Mars/Olympus", "2026-11-22T15:00", "2026-11-23T01:00"),  # no zone: the shop's
    ],
)
def test_the_morning_is_nine_oclock_whatever_clocks_do(no_database, zone, now, opens):
    found = hours.local_clock(
        zone, datetime.fromisoformat(now + "+00:00"), NINE_TO_HALF_PAST_EIGHT, SHOP
    )
    assert found.opens_at == datetime.fromisoformat(opens + "+00:00")


def test_one_marketing_message_a_day_and_service_ones_besides(reader, template):
    member, form = reader(), template()
    first = plan(member, form, "first")
    delivery.drain(5)
    second = plan(member, form, "second")
    receipt = plan(member, template(purpose="service"), "receipt")
    delivery.drain(5)
    assert [went(one) for one in (first, second, receipt)] == ["sent", "suppressed: capped", "sent"]


def test_the_day_is_the_members_own(reader, template):
    member, form = reader(zone="America/Sao_Paulo"), template()  # 11 hours behind Shanghai
    set_to(at(23, 6))  # 19:00 on the 22nd there
    plan(member, form, "evening")
    assert delivery.drain(5).sent == 1
    set_to(at(23, 20))  # 09:00 on the 23rd there; the same day in Shanghai
    plan(member, form, "morning")
    assert delivery.drain(5).sent == 1


def test_three_a_week_counting_the_six_days_before(reader, template):
    member, form = reader(), template()
    states = []
    for day in range(22, 30):
        set_to(at(day, 12))
        message = plan(member, form, f"day {day}", now=at(day, 12))
        delivery.drain(5)
        states.append(went(message).split(":")[0])
    assert states == ["sent"] * 3 + ["suppressed"] * 4 + ["sent"]


def test_a_capped_message_that_may_wait_goes_on_the_first_day_with_room(reader, template):
    member, form = reader(), template()
    first = plan(member, form, "first")
    patient = plan(member, form, "patient", not_after=at(24, 0))
    delivery.drain(5)
    assert (went(first), went(patient)) == ("sent", "waiting: capped")
    assert due(patient) == at(23, 9)
    set_to(at(23, 9))
    delivery.drain(5)
    assert went(patient) == "sent"


def test_of_several_due_at_once_the_higher_priority_goes(reader, template):
    member, form = reader(), template()
    low, high = plan(member, form, "low"), plan(member, form, "high", priority=10)
    delivery.drain(5)
    assert (went(low), went(high)) == ("suppressed: capped", "sent")


def test_a_message_lets_a_more_important_one_of_another_channel_go_first(reader, template):
    member = reader(
        phone="+8613900000003", consents={"sms.marketing": True, "email.marketing": True}
    )
    mail = plan(member, template("email"), "mail")
    sms = plan(member, template("sms"), "sms", priority=10)
    delivery.drain(5)
    assert (went(mail), went(sms)) == ("waiting", "sent")
    set_to(NOW + timedelta(minutes=1))
    delivery.drain(5)
    assert went(mail) == "suppressed: capped"


def test_messages_of_one_batch_count_against_each_other(reader, template):
    with transaction():
        policy.put({"caps": {"per_day": 2, "per_week": 3}}, now=NOW)
    member, other, form = reader(), reader(), template()
    both = [plan(one, form, f"{n} {one}") for n in range(3) for one in (member, other)]
    delivery.drain(5)
    said = [went(one) for one in both]
    assert said == ["sent"] * 4 + ["suppressed: capped"] * 2


def test_who_was_written_to_does_not_hold_back_others_of_the_batch(reader, template):
    members, form = [reader() for _ in range(3)], template()
    plan(members[0], form, "before")
    delivery.drain(5)
    said = [plan(one, form, f"now {one}") for one in members]
    delivery.drain(5)
    assert [went(one) for one in said] == ["suppressed: capped", "sent", "sent"]


def test_what_goes_in_the_same_batch_is_no_rival(reader, template):
    with transaction():
        policy.put({"caps": {"per_day": 2, "per_week": 3}}, now=NOW)
    member, form = reader(), template()
    said = [plan(member, form, "low"), plan(member, form, "high", priority=10)]
    delivery.drain(5)
    assert [went(one) for one in said] == ["sent", "sent"]


def test_a_message_as_important_or_less_holds_back_nothing(reader, template):
    member = reader(
        phone="+8613900000003", consents={"sms.marketing": True, "email.marketing": True}
    )
    mail = plan(member, template("email"), "mail", priority=5)
    sms = [plan(member, template("sms"), f"sms {n}", priority=n) for n in (5, 4)]
    delivery.drain(5)
    assert [went(one) for one in (mail, *sms)] == ["sent"] + ["suppressed: capped"] * 2


def test_without_caps_nothing_is_counted(reader, template):
    with transaction():
        policy.put({"caps": {"per_day": None, "per_week": None}}, now=NOW)
    member, form = reader(), template()
    for number in range(5):
        plan(member, form, f"{number}")
    assert delivery.drain(5).sent == 5
    assert db.session.execute(text("SELECT count(*) FROM message_day")).scalar_one() == 0
