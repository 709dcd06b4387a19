"""What the tests of coupons share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from api_client import Api
from flask import Flask

from crm.coupons import issuing, templates
from crm.coupons.models import Coupon, CouponTemplate
from crm.db import db, transaction


@pytest.fixture
def template(app: Flask, now: datetime) -> Callable[..., UUID]:
    """Makes templates of columns: `template(value=2000)` → id; 20.00 off without more."""

    def make(**values: Any) -> UUID:
        given = {"name": "Spring", "kind": "amount", "value": 2000, "valid_days": 30} | values
        with transaction():
            return templates.create(given, now=now).id

    return make


@pytest.fixture
def give(app: Flask, now: datetime) -> Callable[..., str]:
    """Gives coupons: `give(template, member, "birthday")` → code."""

    def issue(template_id: UUID, member_id: UUID, occasion: str | None = None, **more: Any) -> str:
        values = {"now": now, "source": ("test", "1")} | more
        with transaction():
            return issuing.issue(template_id, member_id, occasion=occasion, **values).code

    return issue


@pytest.fixture
def row() -> Callable[[str], Coupon]:
    """Reads a coupon as it stands."""

    def read(code: str) -> Coupon:
        found = db.session.get(Coupon, code, populate_existing=True)
        assert found is not None
        return found

    return read


@pytest.fixture
def template_row() -> Callable[[UUID], CouponTemplate]:
    """Reads a template as it stands."""
    return templates.get


@pytest.fixture
def made(admin: Api) -> Callable[..., dict[str, Any]]:
    """Makes templates over HTTP: `made(stock=5)` → the document; 20.00 off without more."""

    def make(**changes: Any) -> dict[str, Any]:
        body = {"name": "Spring 20", "kind": "amount", "value": 2000, "validity": {"days": 30}}
        answer = admin.post("/coupon-templates", body | changes)
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return make
