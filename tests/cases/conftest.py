"""What the tests of cases share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from flask import Flask

from crm.auth.models import Staff
from crm.db import db, transaction
from crm.ids import uuid7


@pytest.fixture(autouse=True)
def _noon(request: pytest.FixtureRequest, now: datetime) -> None:
    """It is noon in Shanghai, and stays so."""
    if "no_database" not in request.fixturenames:
        really = "committed" in request.fixturenames
        request.getfixturevalue("committed" if really else "rolled_back")
        set_to(now)


@pytest.fixture
def hired(app: Flask, now: datetime) -> Callable[..., UUID]:
    """Makes staff: `hired("manager", store="jingan")` → id."""

    def make(role: str = "manager", *, store: str | None = None, active: bool = True) -> UUID:
        person = Staff(
            email=f"{role}.{uuid7()}.{store}@shop.example".lower(),
            name=f"The {role}",
            password_hash="-",
            role=role,
            store=store,
            locale="en",
            active=active,
            created_at=now,
            password_changed_at=now,
        )
        with transaction():
            db.session.add(person)
        return person.id

    return make


@pytest.fixture
def complain(admin: Api) -> Callable[..., dict[str, Any]]:
    """Opens cases over HTTP: `complain(member, due_at=…)` → the document."""

    def make(member_id: UUID | str, **changes: Any) -> dict[str, Any]:
        body = {"member": {"id": str(member_id)}, "kind": "product", "subject": "Broken cup"}
        answer = admin.post("/cases", body | changes)
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return make
