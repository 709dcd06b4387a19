"""Random histories through the API: at every step the ledger agrees with a naive model of it."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

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
from ledger_model import Model, ModelHold, ModelOrder, ModelSpend
from people import make

from crm.db import db
from crm.orders import summary
from crm.points import check
from crm.points.jobs import end_holds, expire, release

START = datetime(2026, 1, 30, 10, 0, tzinfo=UTC)
STEPS = st.sampled_from([0.001, 0.3, 1, 6, 15, 100, 366]).map(lambda days: timedelta(days=days))
AMOUNTS = st.integers(0, 60_000)
numbers = count()


class Histories(RuleBasedStateMachine):
    """One member, and a friend to share with; any sequence of what can happen.

    Time and jobs are steps like any other; no job may change a figure.
    """

    api: Api

    @initialize()
    def begin(self) -> None:
        set_to(START)
        joined = START - timedelta(days=1)
        self.member, self.friend = make(joined=joined), make(joined=joined)
        self.model, self.friends = Model(START), Model(START)
        self.seen: dict[datetime, list[int]] = {}
        self.orders: dict[str, ModelOrder] = {}
        self.holds: list[tuple[str, ModelHold]] = []
        self.spent: list[tuple[str, ModelSpend]] = []

    @property
    def now(self) -> datetime:
        return self.model.now

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

    def ask(self, path: str, body: dict[str, Any] | None = None, *, expect: int = 201) -> Any:
        answer = self.api.post(path, body)
        assert answer.status_code == expect, answer.data
        return answer.get_json()

    def short(self, path: str, body: dict[str, Any], model: Model) -> None:
        """The request is refused, for want of as many points as the model says."""
        found = self.ask(path, body, expect=422)
        available = max(model.available, 0)
        assert found["code"] == "insufficient_points"
        assert (found["available"], found["missing"]) == (available, body["points"] - available)

    @rule(points=st.integers(1, 500), days=st.sampled_from([None, 1, 20, 400]))
    def award(self, points: int, days: int | None) -> None:
        until = days and self.now + timedelta(days=days)
        body = self.who() | {"activity": "custom", "source_key": uuid4().hex, "points": points}
        if until:
            body["expires_at"] = until.isoformat()
        self.ask("/points/awards", body)
        self.model.award(points, until)

    @rule(amount=AMOUNTS)
    def order(self, amount: int) -> None:
        number = f"M{next(numbers)}"
        if amount < 100:  # earns nothing: the ledger is not touched
            amount = 100
        self.orders[number] = self.model.order(amount)
        self.put(number, "paid")

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        number, order = self.pick(data)
        if order.delivered_at is None and not order.cancelled:
            self.model.deliver(order)
            self.put(number, "delivered")

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number, order = self.pick(data)
        order.cancelled = True
        self.put(number, "cancelled")
        self.model.settle(order)

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
        self.model.settle(order)

    @rule(points=st.integers(1, 600))
    def redeem(self, points: int) -> None:
        body = self.who() | {"points": points, "reference": "till"}
        spent = self.model.redeem(points)
        if spent is None:
            self.short("/points/redemptions", body, self.model)
        else:
            self.spent.append((self.ask("/points/redemptions", body)["id"], spent))

    @rule(points=st.integers(1, 300), ttl=st.sampled_from([60, 86_400, 604_800]))
    def hold(self, points: int, ttl: int) -> None:
        body = self.who() | {"points": points, "reference": "cart", "ttl_seconds": ttl}
        hold = self.model.hold(points, self.now + timedelta(seconds=ttl))
        if hold is None:
            self.short("/points/holds", body, self.model)
        else:
            self.holds.append((self.ask("/points/holds", body)["id"], hold))

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), part=st.integers(0, 100))
    def capture(self, data: st.DataObject, part: int) -> None:
        hold_id, hold = data.draw(st.sampled_from(self.holds))
        path, points = f"/points/holds/{hold_id}/capture", max(hold.points * part // 100, 1)
        if not hold.is_open:
            found = self.ask(path, {"points": points}, expect=409)
            assert found["code"] in ("hold_captured", "hold_void", "hold_expired")
            return
        found = self.ask(path, {"points": points}, expect=200)
        self.spent.append((found["entry"]["id"], self.model.capture(hold, points)))

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        hold_id, hold = data.draw(st.sampled_from(self.holds))
        answer = self.api.post(f"/points/holds/{hold_id}/void")
        if hold.is_open:
            assert answer.get_json()["state"] == "void", answer.data
            self.model.void(hold)
        else:
            assert answer.status_code in (200, 409)

    @precondition(lambda self: self.spent)
    @rule(data=st.data(), part=st.integers(1, 120))
    def reverse(self, data: st.DataObject, part: int) -> None:
        entry_id, spent = data.draw(st.sampled_from(self.spent))
        path, points = f"/points/redemptions/{entry_id}/reverse", max(spent.left * part // 100, 1)
        if points > spent.left:
            expect = 422 if spent.left else 409
            found = self.ask(path, {"points": points}, expect=expect)
            assert found["code"] in ("restore_exceeds_spent", "redemption_reversed")
        else:
            assert self.ask(path, {"points": points})["points"] == points
            self.model.reverse(spent, points)

    @rule(points=st.integers(1, 300), back=st.booleans())
    def transfer(self, points: int, back: bool) -> None:
        ends = [(self.member, self.model), (self.friend, self.friends)]
        (giver, gives), (taker, takes) = reversed(ends) if back else ends
        body = {"from": {"id": str(giver)}, "to": {"id": str(taker)}, "reason": "x"}
        body["points"] = points
        if gives.give(takes, points):
            self.ask("/points/transfers", body)
        else:
            self.short("/points/transfers", body, gives)

    @rule(step=STEPS)
    def let_time_pass(self, step: timedelta) -> None:
        later = self.now + step
        set_to(later)
        self.model.advance(later)
        self.friends.advance(later)

    @rule()
    def sweep_expiry(self) -> None:
        expire(self.now)

    @rule()
    def sweep_release(self) -> None:
        release(self.now)

    @rule()
    def sweep_holds(self) -> None:
        end_holds(self.now)

    def told(self, member_id: UUID, at: datetime | None = None) -> list[int]:
        """The figures as the API tells them, of now or of another instant."""
        query = {"as_of": at.isoformat()} if at else {}
        found = self.api.get(f"/members/{member_id}/points", query_string=query).get_json()
        names = ("available", "pending", "held", "debt", "lifetime_earned")
        return [found[name] for name in names]

    @invariant()
    def the_balance_is_the_models(self) -> None:
        if hasattr(self, "model"):
            self.seen[self.now] = self.told(self.member)
            assert self.seen[self.now] == self.model.figures()
            assert self.told(self.friend) == self.friends.figures()

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for days in (0.01, 1, 16, 400):
            at = self.now + timedelta(days=days)
            assert self.told(self.member, at) == self.model.foretold(at), at
        for at, figures in self.seen.items():
            assert self.told(self.member, at) == figures, at
        assert check.run() == []
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
            max_examples=12,
            stateful_step_count=30,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
