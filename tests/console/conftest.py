"""Staff of every role, and people who visit the console as them."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from uuid import UUID

import pytest
from api_client import Api
from flask import Flask
from shop import Shop, furnish
from visitor import PASSWORD, Visitor

from crm import clock
from crm.auth import passwords, sessions
from crm.auth.models import Staff
from crm.console import door
from crm.db import db, transaction

As = Callable[..., Visitor]


@cache
def hashed() -> str:
    """The hash of everybody's password: made to be slow, so made once."""
    return passwords.hashed(PASSWORD)


@pytest.fixture
def account(app: Flask, now: datetime) -> Callable[..., str]:
    """Makes a staff account and returns its e-mail address."""

    def make(role: str, locale: str = "en", store: str | None = None) -> str:
        email = f"{role}.{locale.lower()}@shop.example"
        staff = Staff(
            email=email,
            name="Chen Rui",
            password_hash=hashed(),
            role=role,
            store=store,
            locale=locale,
            active=True,
            created_at=now,
            password_changed_at=now,
        )
        with app.app_context(), transaction():
            db.session.add(staff)
        return email

    return make


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(app.test_client())


@pytest.fixture
def signed_in(app: Flask, account: Callable[..., str]) -> As:
    """Makes visitors who are signed in: `signed_in("clerk", "zh-Hans")`."""

    def make(role: str = "admin", locale: str = "en", store: str | None = None) -> Visitor:
        email = account(role, locale, store)
        with app.app_context(), transaction():
            staff = db.session.query(Staff).filter_by(email=email).one()
            token = sessions.open(staff, clock.now(), "tests")
        visitor = Visitor(app.test_client())
        visitor.client.set_cookie(door.SESSION, token, path="/console")
        visitor.client.set_cookie(door.LANGUAGE, locale, path="/console")
        assert visitor.get("/help").status_code == 200
        return visitor

    return make


@pytest.fixture
def shop(admin: Api) -> Shop:
    """A small shop, in the test's own transaction."""
    return furnish(admin)


@pytest.fixture
def regular(person: Callable[..., UUID], admin: Api) -> str:
    """The id of a member with 600 points, where a whole shop is more than a test needs."""
    member_id = str(person())
    body = {"member": {"id": member_id}, "activity": "review", "source_key": "r", "points": 600}
    assert admin.post("/points/awards", body).status_code == 201
    return member_id
