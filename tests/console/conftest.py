"""Staff of every role, and people who visit the console as them."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from visitor import PASSWORD, Visitor

from crm.auth import staff
from crm.db import transaction
from crm.http.principal import SYSTEM

As = Callable[..., Visitor]


@pytest.fixture
def account(app: Flask, now: datetime) -> Callable[..., str]:
    """Makes a staff account and returns its e-mail address."""

    def make(role: str, locale: str = "en", **more: object) -> str:
        email = f"{role}.{locale.lower()}@shop.example"
        body = {"email": email, "name": "Chen Rui", "role": role, "locale": locale}
        with app.app_context(), transaction():
            staff.create(body | {"password": PASSWORD} | more, by=SYSTEM, now=now)
        return email

    return make


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(app.test_client())


@pytest.fixture
def signed_in(app: Flask, account: Callable[..., str]) -> As:
    """Makes visitors who are signed in: `signed_in("clerk", "zh-Hans")`."""

    def make(role: str = "admin", locale: str = "en", **more: object) -> Visitor:
        visitor = Visitor(app.test_client())
        answer = visitor.sign_in(account(role, locale, **more))
        assert answer.status_code == 303, answer.text
        visitor.get("/help")
        return visitor

    return make
