"""Signing in: the right password only, and guessing is slow, by account and by address."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from crm.auth import passwords, staff, throttle
from crm.auth.models import LoginAttempt, Staff
from crm.db import db, transaction
from crm.http.principal import SYSTEM

PASSWORD = "correct horse battery"
EMAIL = "mei@shop.example"


@pytest.fixture
def mei(context: None, now: datetime) -> Staff:
    """An account with a known password."""
    body = {"email": EMAIL, "name": "Mei", "role": "clerk", "password": PASSWORD}
    with transaction():
        account, _ = staff.create(body, by=SYSTEM, now=now)
    return account


def sign_in(password: str, now: datetime, address: str = "192.0.2.1", email: str = EMAIL) -> Staff:
    with transaction():
        return staff.sign_in(email, password, address, now)


def tries() -> int:
    return db.session.scalar(select(func.count()).select_from(LoginAttempt)) or 0


def test_the_right_password_signs_in_and_is_noted(mei: Staff, now: datetime):
    assert sign_in(PASSWORD, now).last_login_at == now
    assert tries() == 0


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        (EMAIL, ""),
        (EMAIL, "x" * 1_000_000),
        (EMAIL, "\ud800"),
        ("nobody@shop.example", PASSWORD),
        ("", PASSWORD),
        ("\0", PASSWORD),
    ],
)
def test_anything_else_is_refused_in_the_same_words(
    mei: Staff, now: datetime, email: str, password: str
):
    with pytest.raises(staff.WrongCredentials):
        sign_in(password, now, email=email)
    assert tries() == 1


def test_a_disabled_account_is_refused_like_a_wrong_password(mei: Staff, now: datetime):
    with transaction():
        staff.update(mei.id, {"active": False}, by=SYSTEM, now=now)
    with pytest.raises(staff.WrongCredentials):
        sign_in(PASSWORD, now)


def test_the_same_accent_typed_in_two_ways_is_the_same_password(no_database: None):
    kept = passwords.hashed("caf\u00e9 in the morning")
    assert passwords.matches("cafe\u0301 in the morning ", kept)
    assert not passwords.matches("cafe in the morning", kept)


def test_an_account_is_closed_to_guesses_for_a_while(mei: Staff, now: datetime):
    for _ in range(throttle.ACCOUNT_MOST):
        with pytest.raises(staff.WrongCredentials):
            sign_in("guess", now)
    with pytest.raises(throttle.TooManyTries) as refused:
        sign_in(PASSWORD, now + timedelta(minutes=5), address="198.51.100.7")
    assert refused.value.facts["retry_after"] == 600
    assert sign_in(PASSWORD, now + throttle.WINDOW) is mei


def test_waiting_as_long_as_told_is_enough(mei: Staff, now: datetime):
    for second in range(throttle.ACCOUNT_MOST):
        with pytest.raises(staff.WrongCredentials):
            sign_in("guess", now + timedelta(seconds=second * 10))
    later = now + timedelta(minutes=10)
    with pytest.raises(throttle.TooManyTries) as refused:
        sign_in(PASSWORD, later)
    wait = timedelta(seconds=float(str(refused.value.facts["retry_after"])))
    assert sign_in(PASSWORD, later + wait) is mei


def test_signing_in_forgives_the_failures_before_it(mei: Staff, now: datetime):
    for _ in range(3):
        for _ in range(throttle.ACCOUNT_MOST - 1):
            throttle.begin(EMAIL, "192.0.2.1", now)
        sign_in(PASSWORD, now)
    assert tries() == 0


def test_an_address_that_tries_many_accounts_is_closed(context: None, now: datetime):
    for number in range(throttle.ADDRESS_MOST):
        throttle.begin(f"{number}@shop.example", "192.0.2.1", now)
    with pytest.raises(throttle.TooManyTries):
        throttle.begin("another@shop.example", "192.0.2.1", now)
    throttle.begin("another@shop.example", "192.0.2.2", now)


def test_the_addresses_of_one_ipv6_subscriber_count_as_one(context: None, now: datetime):
    for number in range(throttle.ADDRESS_MOST):
        throttle.begin(f"{number}@shop.example", f"2001:db8:1:2::{number + 1:x}", now)
    with pytest.raises(throttle.TooManyTries):
        throttle.begin("another@shop.example", "2001:db8:1:2:ffff::1", now)
    throttle.begin("another@shop.example", "2001:db8:1:3::1", now)


def test_what_was_typed_into_the_box_is_not_kept(context: None, now: datetime):
    throttle.begin("my secret password", "not an address", now)
    kept = db.session.scalar(text("SELECT string_agg(a::text, '') FROM login_attempt a"))
    assert "secret" not in kept


def test_old_tries_are_forgotten(context: None, now: datetime):
    throttle.begin(EMAIL, "192.0.2.1", now)
    throttle.purge(now)
    assert tries() == 1
    throttle.purge(now + timedelta(days=1))
    assert tries() == 0


def test_guesses_side_by_side_count_each_other(committed: None, app: Flask, now: datetime):
    def guess(_: int) -> bool:
        with app.app_context():
            try:
                throttle.begin(EMAIL, "192.0.2.1", now)
            except throttle.TooManyTries:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        let_through = sum(pool.map(guess, range(60)))
    assert let_through == throttle.ACCOUNT_MOST


def test_a_password_of_weaker_days_is_hashed_anew(mei: Staff, now: datetime):
    weak = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with transaction():
        mei.password_hash = weak.hash(PASSWORD)
    assert passwords.is_dated(mei.password_hash)
    sign_in(PASSWORD, now)
    assert not passwords.is_dated(mei.password_hash)
    assert sign_in(PASSWORD, now) is mei
