"""Random histories through the API: at every step the ledger agrees with a naive model of it."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from api_client import Api
from clocks import set_to
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledger_model import Model, ModelOrder
from people import make

from crm.db import db
from crm.orders import summary
from crm.points import check
from crm.points.jobs import expire, release

START = datetime(2026, 1, 30, 10, 0, tzinfo=UTC)
STEPS = st.sampled_from([0.001, 0.3, 1, 6, 15, 100, 366]).map(lambda days: timedelta(days=days))
AMOUNTS = st.integers(0, 60_000)
numbers = count()


class Histories(RuleBasedStateMachine):
    """One member, any sequence of what can happen; time and sweeps are steps like any other."""

    api: Api

    @initialize()
    def begin(self) -> None:
        self.now = START
        set_to(self.now)
        self.member = make(joined=START - timedelta(days=1))
        self.model = Model()
        self.seen: dict[datetime, list[int]] = {}
        self.orders: dict[str, ModelOrder] = {}

    def who(self) -> dict[str, Any]:
        return {"member": {"id": str(self.member)}}

    def body(self, order: ModelOrder, status: str) -> dict[str, Any]:
        line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": order.amount}
        delivered = order.delivered_at and order.delivered_at.isoformat()
        return self.who() | {
            "status": status, "placed_at": order.paid_at.isoformat(),
            "paid_at": order.paid_at.isoformat(), "delivered_at": delivered,
            "updated_at": self.now.isoformat(), "currency": "CNY", "lines": [line],
        }  # fmt: skip

    def put(self, number: str, status: str) -> None:
        answer = self.api.put(f"/orders/web/{number}", self.body(self.orders[number], status))
        assert answer.status_code == 200, answer.data

    def pick(self, data: st.DataObject) -> tuple[str, ModelOrder]:
        living = [number for number, order in self.orders.items() if not order.cancelled]
        number = data.draw(st.sampled_from(living or list(self.orders)))
        return number, self.orders[number]

    @rule(points=st.integers(1, 500), days=st.sampled_from([None, 1, 20, 400]))
    def award(self, points: int, days: int | None) -> None:
        until = days and self.now + timedelta(days=days)
        body = self.who() | {"activity": "custom", "source_key": uuid4().hex, "points": points}
        if until:
            body["expires_at"] = until.isoformat()
        assert self.api.post("/points/awards", body).status_code == 201
        self.model.award(points, until, self.now)

    @rule(amount=AMOUNTS)
    def order(self, amount: int) -> None:
        number = f"M{next(numbers)}"
        if amount < 100:  # earns nothing: the ledger is not touched
            amount = 100
        self.orders[number] = self.model.order(amount, self.now)
        self.put(number, "paid")

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        number, order = self.pick(data)
        if order.delivered_at is None and not order.cancelled:
            self.model.deliver(order, self.now)
            self.put(number, "delivered")

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number, order = self.pick(data)
        order.cancelled = True
        self.put(number, "cancelled")
        self.model.settle(order, self.now)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), amount=AMOUNTS)
    def refund(self, data: st.DataObject, amount: int) -> None:
        number, order = self.pick(data)
        body = {"refunded_at": self.now.isoformat(), "amount": amount}
        order.refund_count += 1
        path = f"/orders/web/{number}/refunds/{order.refund_count}"
        answer = self.api.put(path, body)
        if amount > order.amount - order.refunded:
            assert answer.get_json()["code"] == "refund_exceeds_paid"
            return
        assert answer.status_code == 200, answer.data
        order.refunded += amount
        self.model.settle(order, self.now)

    @rule(points=st.integers(1, 800))
    def redeem(self, points: int) -> None:
        body = self.who() | {"points": points, "reference": "till"}
        answer = self.api.post("/points/redemptions", body)
        available = self.model.available(self.now)
        if self.model.redeem(points, self.now):
            assert answer.status_code == 201, answer.data
        else:
            problem = answer.get_json()
            assert problem["code"] == "insufficient_points"
            assert problem["available"] == available
            assert problem["missing"] == points - available

    @rule(step=STEPS)
    def let_time_pass(self, step: timedelta) -> None:
        self.now += step
        set_to(self.now)

    @rule()
    def sweep_expiry(self) -> None:
        expire(self.now)
        self.model.sweep_expiry(self.now)

    @rule()
    def sweep_release(self) -> None:
        release(self.now)
        self.model.sweep_release(self.now)

    def told(self, at: datetime | None = None) -> list[int]:
        """The figures as the API tells them, of now or of another instant."""
        query = {"as_of": at.isoformat()} if at else {}
        found = self.api.get(f"/members/{self.member}/points", query_string=query).get_json()
        return [found[name] for name in ("available", "pending", "debt", "lifetime_earned")]

    @invariant()
    def the_balance_is_the_models(self) -> None:
        if hasattr(self, "model"):
            self.seen[self.now] = self.told()
            assert self.seen[self.now] == self.model.figures(self.now)

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for days in (1, 16, 400):
            at = self.now + timedelta(days=days)
            assert self.told(at) == self.model.foretold(self.now, at), at
        for at, figures in self.seen.items():
            assert self.told(at) == figures, at
        assert check.run(self.member) == []
        assert summary.drifted(percent=100) == []
        db.session.rollback()


@pytest.fixture
def plain_shop(committed: None, admin: Api) -> Api:
    """Any number of points may be spent, and everyone earns at the same rate."""
    redemption = {"points_per_step": 1, "min_points": 1}
    tiers = [{"code": "new", "name": {"en": "New"}, "qualify": {"any": []}}]
    for path, change in (
        ("/points/programme", {"redemption": redemption}),
        ("/tiers", {"tiers": tiers}),
    ):
        answer = admin.put(path, change | {"effective_at": "2020-01-01T00:00:00Z"})
        assert answer.status_code == 200, answer.data
    return admin


def test_the_ledger_agrees_with_a_naive_model_after_every_step(plain_shop):
    class Case(Histories):
        api = plain_shop

    run_state_machine_as_test(
        Case,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
