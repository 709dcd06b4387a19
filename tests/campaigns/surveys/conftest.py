"""What the tests of surveys share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from flask import Flask
from order_bodies import order_body

from crm.campaigns.surveys import opening
from crm.campaigns.surveys.opening import Opening
from crm.db import transaction


@pytest.fixture(autouse=True)
def _noon(request: pytest.FixtureRequest, now: datetime) -> None:
    """It is noon in Shanghai, and stays so."""
    if "no_database" not in request.fixturenames:
        really = "committed" in request.fixturenames
        request.getfixturevalue("committed" if really else "rolled_back")
        set_to(now)


@pytest.fixture
def asked(app: Flask, now: datetime) -> Callable[..., UUID]:
    """Opens surveys: `asked(member, points=50)` → id."""

    def make(member_id: UUID, occasion: str | None = None, **terms: Any) -> UUID:
        row = Opening(member_id, occasion or f"aftersale:x:{member_id}", **terms)
        with transaction():
            return opening.open_many([row], now)[row.occasion]

    return make


@pytest.fixture
def order(admin: Api) -> Callable[..., UUID]:
    """Writes paid orders: `order(member, "A1", store="jingan")` → the id of the order."""

    def make(member_id: UUID, order_no: str, **changes: Any) -> UUID:
        answer = admin.put(f"/orders/web/{order_no}", order_body(member_id, **changes))
        assert answer.status_code < 300, answer.data
        return UUID(answer.get_json()["id"])

    return make
