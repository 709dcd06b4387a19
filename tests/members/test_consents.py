"""Consents: who agreed to what, when and where; the newest decision counts at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from flask import Flask
from joining import count, join

from crm.db import transaction
from crm.members import consents
from crm.members.errors import MemberNotFound
from crm.members.models import MemberConsent, MemberEvent


def decide(member_id, granted: bool, now: datetime, **facts):
    with transaction():
        return consents.set_one(
            member_id, "sms", "marketing", {"granted": granted, **facts}, now=now
        )


def test_no_row_is_no_marketing(now: datetime):
    member = join(now, name="A")
    assert not consents.may(member.id, "sms", "marketing")
    assert not consents.may(member.id, "sms", "profiling")
    assert consents.may(member.id, "sms", "service")


def test_the_newest_decision_counts_and_the_earlier_ones_are_kept(now: datetime):
    member = join(now, name="A")
    decide(member.id, True, now, wording="2025-06", source="till", proof="form 12")
    assert consents.may(member.id, "sms", "marketing")
    decide(member.id, False, now + timedelta(minutes=1))
    assert not consents.may(member.id, "sms", "marketing")
    history = consents.page(member.id, 50, None)["data"]
    assert [(row.granted, row.current) for row in history] == [(False, True), (True, False)]
    assert (history[1].wording, history[1].source, history[1].proof) == (
        "2025-06",
        "till",
        "form 12",
    )
    assert history[1].superseded_at == now + timedelta(minutes=1)


def test_telling_the_same_again_changes_nothing(now: datetime):
    member = join(now, name="A")
    first = decide(member.id, True, now, wording="2025-06")
    again = decide(member.id, True, now + timedelta(days=1), wording="2025-06")
    assert (again.id, again.at) == (first.id, now)
    assert count(MemberEvent) == 2  # registered, consent


def test_a_new_wording_is_a_new_decision(now: datetime):
    member = join(now, name="A")
    decide(member.id, True, now, wording="2025-06")
    decide(member.id, True, now, wording="2026-01")
    assert [row.wording for row in consents.current(member.id)] == ["2026-01"]
    assert count(MemberConsent) == 2


def test_channels_and_purposes_are_decided_one_by_one(now: datetime):
    member = join(now, consents=[{"channel": "email", "purpose": "marketing", "granted": True}])
    decide(member.id, False, now)
    assert consents.may(member.id, "email", "marketing")
    assert not consents.may(member.id, "email", "profiling")
    assert not consents.may(member.id, "sms", "marketing")


def test_a_member_that_is_not_there_can_not_agree(now: datetime):
    with pytest.raises(MemberNotFound):
        decide(uuid4(), True, now)


@pytest.mark.usefixtures("committed")
def test_of_many_decisions_at_once_one_is_current(app: Flask, now: datetime):
    member, start = join(now, name="A"), Barrier(6)

    def run(number: int) -> None:
        with app.app_context():
            start.wait()
            decide(member.id, bool(number % 2), now, source=f"till {number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(6)))
    assert len(consents.current(member.id)) == 1
    assert count(MemberConsent) == 6
