"""What the tests of rewards share."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from api_client import Api
from flask import Flask
from sqlalchemy import text

from crm.coupons import templates
from crm.db import db, transaction


@pytest.fixture
def coupon_template(app: Flask, now) -> Callable[..., UUID]:
    """Makes coupon templates of columns; 20.00 off, 30 days, without more."""

    def make(**values: Any) -> UUID:
        given = {"name": "Spring", "kind": "amount", "value": 2000, "valid_days": 30} | values
        with transaction():
            return templates.create(given, now=now).id

    return make


@pytest.fixture
def reward(admin: Api) -> Callable[..., dict[str, Any]]:
    """Makes rewards: `reward(stock=5)` → the document; a mug for 500 without more."""

    def make(**changes: Any) -> dict[str, Any]:
        body = {"kind": "good", "name": {"en": "Mug"}, "points": 500} | changes
        if "coupon_template" in changes:
            body |= {"kind": "coupon", "coupon_template": str(changes["coupon_template"])}
        answer = admin.post("/rewards", body)
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return make


@pytest.fixture
def take(admin: Api) -> Callable[..., Any]:
    """Redeems: `take(reward, member)` → the answer, whatever it is."""

    def act(one: dict[str, Any], member_id: UUID, **kwargs: Any) -> Any:
        body = {"member": {"id": str(member_id)}}
        return admin.post(f"/rewards/{one['id']}/redemptions", body, **kwargs)

    return act


@pytest.fixture
def cancel(admin: Api) -> Callable[..., Any]:
    """Cancels: `cancel(made)` → the answer, whatever it is."""

    def act(made: dict[str, Any], body: Any = None, **kwargs: Any) -> Any:
        return admin.post(f"/reward-redemptions/{made['id']}/cancel", body, **kwargs)

    return act


COUNTED = text("""
    SELECT w.id, w.redeemed,
           count(r.id) FILTER (WHERE r.state <> 'cancelled') AS real
    FROM reward w LEFT JOIN reward_redemption r ON r.reward_id = w.id GROUP BY w.id
""")


def counters_are_true() -> None:
    """What each reward counts is what was redeemed and not cancelled."""
    db.session.rollback()
    for row in db.session.execute(COUNTED):
        assert row.redeemed == row.real, row
