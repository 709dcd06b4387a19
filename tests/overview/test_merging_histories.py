"""Random histories of three members: merges and undos never change how many points there are."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from api_client import Api
from clocks import set_to
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from people import make
from sqlalchemy import text

from crm.db import db
from crm.orders import checking
from crm.points import check
from crm.points.jobs import expire, release

START = datetime(2026, 1, 30, 10, 0, tzinfo=UTC)
TOTALS = text("""
    SELECT (SELECT sum(balance) FROM points_account), (SELECT sum(debt) FROM points_account),
           (SELECT sum(remaining) FROM points_lot), (SELECT sum(held) FROM points_lot),
           (SELECT sum(lifetime_earned) FROM points_account WHERE merged_into IS NULL),
           (SELECT coalesce(sum(orders), 0) FROM purchase_summary),
           (SELECT coalesce(sum(monetary), 0) FROM purchase_summary)
""")
runs = count()
someone = st.integers(0, 2)
points = st.integers(1, 400)
STEPS = st.one_of(
    st.tuples(st.just("award"), someone, points),
    st.tuples(st.just("spend"), someone, points),
    st.tuples(st.just("hold"), someone, points),
    st.tuples(st.just("order"), someone, st.sampled_from([900, 5000, 33300])),
    st.tuples(st.just("refund"), st.integers(0, 9), st.sampled_from([300, 5000, 33300])),
    st.tuples(st.just("merge"), someone, someone),
    st.tuples(st.just("merge"), someone, someone),
    st.tuples(st.just("undo"), st.integers(0, 1), st.none()),
    st.tuples(st.just("undo"), st.just(0), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 3, 16, 31]), st.none()),
)


class Shop:
    """Three members, and what happens to them."""

    def __init__(self, api: Api) -> None:
        self.api, self.now, self.run = api, START, next(runs)
        set_to(self.now)
        self.people: list[UUID] = [make(joined=START - timedelta(days=1)) for _ in range(3)]
        self.orders = self.refunds = 0
        self.merges: list[str] = []

    def who(self, place: int) -> dict[str, Any]:
        return {"member": {"id": str(self.people[place])}}

    def award(self, place: int, given: int) -> None:
        """Lots of all kinds: some lapse soon, some never within the test."""
        until = self.now + timedelta(days=1 + given % 40)
        more = {"activity": "custom", "source_key": uuid4().hex, "points": given}
        if given % 2:
            more["expires_at"] = until.isoformat()
        assert self.api.post("/points/awards", self.who(place) | more).status_code == 201

    def spend(self, place: int, wanted: int) -> None:
        body = self.who(place) | {"points": wanted, "reference": "till"}
        assert self.api.post("/points/redemptions", body).status_code in (201, 422)

    def hold(self, place: int, wanted: int) -> None:
        body = self.who(place) | {"points": wanted, "reference": "cart", "ttl_seconds": 300_000}
        answer = self.api.post("/points/holds", body)
        assert answer.status_code in (201, 422), answer.data
        if answer.status_code == 201 and wanted % 3 == 0:
            done = self.api.post(f"/points/holds/{answer.get_json()['id']}/capture")
            assert done.status_code == 200, done.data

    def order(self, place: int, amount: int) -> None:
        line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": amount}
        at = self.now.isoformat()
        body = {"status": "paid", "placed_at": at, "updated_at": at, "currency": "CNY"}
        path = f"/orders/web/{self.run}-{self.orders}"
        self.orders += 1
        assert self.api.put(path, self.who(place) | body | {"lines": [line]}).status_code == 200

    def refund(self, place: int, amount: int) -> None:
        if place < self.orders:
            self.refunds += 1
            body = {"refunded_at": self.now.isoformat(), "amount": amount}
            path = f"/orders/web/{self.run}-{place}/refunds/{self.refunds}"
            assert self.api.put(path, body).status_code in (200, 422)

    def merge(self, into: int, gone: int) -> None:
        body = {"from": {"id": str(self.people[gone])}}
        answer = self.still(lambda: self.api.post(f"/members/{self.people[into]}/merge", body))
        assert answer.status_code in (200, 201, 409, 422), answer.data
        if answer.status_code == 201:
            self.merges.append(answer.get_json()["id"])

    def undo(self, place: int, _: None) -> None:
        if place < len(self.merges):
            path = f"/merges/{self.merges[-1 - place]}/undo"
            answer = self.still(lambda: self.api.post(path))
            assert answer.status_code in (200, 409), answer.data

    def still(self, ask: Any) -> Any:
        """The answer of a call that must not change any total."""
        expire(self.now)
        release(self.now)
        before = db.session.execute(TOTALS).one(), self.told()
        answer = ask()
        assert (db.session.execute(TOTALS).one(), self.told()) == before
        return answer

    def told(self) -> int:
        """What the members are told, summed."""
        found = [self.api.get(f"/members/{one}/points") for one in self.people]
        figures = [one.get_json() for one in found if one.status_code == 200]
        return sum(one["available"] + one["pending"] + one["held"] - one["debt"] for one in figures)

    def wait(self, days: float, _: None) -> None:
        self.now += timedelta(days=days)
        set_to(self.now)

    def verify(self) -> None:
        assert check.run() == []
        assert checking.look(None).wrong == []


@pytest.fixture
def plain_shop(admin: Api) -> Api:
    """Any number of points may be spent."""
    change = {
        "redemption": {"points_per_step": 1, "min_points": 1},
        "effective_at": "2020-01-01T00:00:00Z",
    }
    assert admin.put("/points/programme", change).status_code == 200
    return admin


@settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(history=st.lists(STEPS, min_size=12, max_size=24))
def test_merges_and_undos_never_change_how_much_there_is(plain_shop, history):
    shop = Shop(plain_shop)
    for what, first, second in history:
        getattr(shop, what)(first, second)
        if what in ("merge", "undo"):
            shop.verify()
    shop.verify()
