"""Sessions: opened, found, listed, ended; too old after their hours."""

from datetime import datetime, timedelta

import pytest

from crm.auth import sessions, staff
from crm.auth.models import Staff
from crm.config import Config
from crm.db import db, transaction
from crm.ids import uuid7

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def mei(now: datetime) -> Staff:
    """A clerk of one store."""
    account = Staff(
        email="mei@shop.example",
        name="Mei",
        password_hash="$argon2id$nobody signs in here",
        role="clerk",
        store="jingan",
        locale="zh-Hans",
        active=True,
        created_at=now,
        password_changed_at=now,
    )
    with transaction():
        db.session.add(account)
    return account


def opened(account: Staff, now: datetime, user_agent: str = "Firefox") -> str:
    with transaction():
        return sessions.open(account, now, user_agent)


def test_a_token_finds_who_signed_in_with_it(mei: Staff, now: datetime):
    token = opened(mei, now)
    found = sessions.find(token, now)
    assert found is not None
    assert (found.kind, found.id, found.name) == ("staff", mei.id, "Mei")
    assert (found.role, found.store) == ("clerk", "jingan")
    assert found.may("members:read")
    assert not found.may("staff:manage")


def test_the_token_itself_is_not_stored(mei: Staff, now: datetime):
    token = opened(mei, now)
    assert token.encode() not in sessions.listed(mei.id, now)[0].token_hash


@pytest.mark.parametrize("token", ["", "made up", "x" * 10_000, "\0", "\ud800"])
def test_a_made_up_token_finds_nobody(mei: Staff, now: datetime, token: str):
    assert sessions.find(token, now) is None


def test_a_session_ends_after_its_hours(mei: Staff, now: datetime, settings: Config):
    token = opened(mei, now)
    end = now + timedelta(hours=settings.session_hours)
    assert sessions.find(token, end - timedelta(seconds=1)) is not None
    assert sessions.find(token, end) is None
    assert sessions.listed(mei.id, end) == []


def test_signing_out_ends_this_session_only(mei: Staff, now: datetime):
    here, there = opened(mei, now), opened(mei, now)
    with transaction():
        sessions.end(here, now)
    assert sessions.find(here, now) is None
    assert sessions.find(there, now) is not None


def test_one_session_is_ended_from_the_list_and_only_of_its_own_account(mei: Staff, now: datetime):
    here, there = opened(mei, now, "Here"), opened(mei, now, "There")
    other = next(s for s in sessions.listed(mei.id, now) if s.user_agent == "There")
    with transaction():
        sessions.end_one(uuid7(), other.token_hash, now)
    assert sessions.find(there, now) is not None
    with transaction():
        sessions.end_one(mei.id, other.token_hash, now)
    assert sessions.find(there, now) is None
    assert sessions.find(here, now) is not None


def test_a_session_knows_when_it_was_last_seen_to_the_minute(mei: Staff, now: datetime):
    token = opened(mei, now)
    for seconds, seen in ((30, now), (90, now + timedelta(seconds=90))):
        sessions.find(token, now + timedelta(seconds=seconds))
        db.session.expire_all()
        assert sessions.listed(mei.id, now)[0].last_seen_at == seen


def test_what_a_browser_says_of_itself_is_cut_and_cleaned(mei: Staff, now: datetime):
    opened(mei, now, "Mozilla\0\n\ud800" + "x" * 5000)
    kept = sessions.listed(mei.id, now)[0].user_agent
    assert kept.startswith("Mozillaxxx")
    assert len(kept) <= 200


def test_ended_sessions_are_forgotten_later(mei: Staff, now: datetime):
    opened(mei, now)
    with transaction():
        sessions.purge(now)
    assert len(sessions.listed(mei.id, now)) == 1
    with transaction():
        sessions.purge(now + timedelta(days=2))
    assert sessions.listed(mei.id, now) == []


def test_an_account_is_found_by_its_id(mei: Staff):
    assert staff.get(mei.id) is mei
