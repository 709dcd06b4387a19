"""The running aggregates of a member always equal a recount of his orders, done by hand here."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from order_bodies import PLACED, stamp
from sqlalchemy import text

from crm.db import db
from crm.orders import checking
from crm.points import check

PAID = ("paid", "fulfilled", "delivered", "completed")
ZONE = "Pacific/Kiritimati"  # a day ahead of UTC for ten hours of fourteen
READ = text("SELECT * FROM purchase_summary WHERE member_id = :member")
runs = count()

hours = st.integers(0, 24 * 20)
writes = st.fixed_dictionaries(
    {
        "what": st.just("write"),
        "number": st.integers(0, 4),
        "status": st.sampled_from(["placed", "paid", "delivered", "cancelled"]),
        "paid_after": hours,
        "amount": st.sampled_from([0, 1, 99, 2500, 10000]),
        "shipping": st.sampled_from([0, 800]),
        "guest": st.booleans(),
        "late": st.booleans(),
    }
)
refunds = st.fixed_dictionaries(
    {
        "what": st.just("refund"),
        "number": st.integers(0, 4),
        "amount": st.sampled_from([1, 99, 2500, 3300, 10000]),
    }
)
histories = st.lists(st.one_of(writes, writes, refunds), min_size=1, max_size=14)


def body(step: dict[str, Any], member_id: Any, version: int) -> dict[str, Any]:
    """The order that a step writes; `late` ones are older than what was written before."""
    paid = PLACED + timedelta(hours=step["paid_after"])
    found = {
        "status": step["status"],
        "placed_at": stamp(PLACED),
        "paid_at": stamp(paid) if step["status"] in PAID else None,
        "updated_at": stamp(PLACED + timedelta(minutes=-1 if step["late"] else version)),
        "currency": "CNY",
        "shipping": step["shipping"],
        "lines": [
            {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": step["amount"]}
        ],
    }
    return found if step["guest"] else found | {"member": {"id": str(member_id)}}


def recounted(orders: list[dict[str, Any]]) -> dict[str, Any]:
    """What the aggregates must be, from a member's orders as the API shows them."""
    counted = [one for one in orders if one["status"] in PAID and net(one) > 0]
    at = [datetime.fromisoformat(one["paid_at"]) for one in counted]
    days = [one.astimezone(ZoneInfo(ZONE)).date() for one in at]
    return {
        "orders": len(counted),
        "frequency": len(set(days)),
        "monetary": sum(net(one) for one in counted),
        "first_paid_at": min(at, default=None),
        "last_paid_at": max(at, default=None),
        "first_day": min(days, default=None),
        "last_day": max(days, default=None),
    }


def net(order: dict[str, Any]) -> int:
    """Goods less refunds; what refunds take beyond the goods is shipping."""
    goods = sum(line["unit_price"] * line["quantity"] for line in order["lines"])
    back = sum(refund["amount"] for refund in order["refunds"])
    back = min(back, goods + order["shipping"])
    return max(goods - back, 0)


def kept(member_id: Any) -> dict[str, Any]:
    row = db.session.execute(READ, {"member": member_id}).mappings().one_or_none()
    nothing = recounted([])
    return {name: row[name] for name in nothing} if row else nothing


@pytest.fixture
def owner(person):
    return person(joined=PLACED - timedelta(days=9), zone=ZONE)


@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(history=histories)
def test_the_aggregates_equal_a_recount_after_every_step(admin, person, history):
    run, owner = next(runs), person(joined=PLACED - timedelta(days=9), zone=ZONE)
    for version, step in enumerate(history):
        path = f"/orders/web/{run}-{step['number']}"
        if step["what"] == "write":
            answer = admin.put(path, body(step, owner, version))
            assert answer.status_code == 200, answer.data
        else:
            refund = {"refunded_at": stamp(PLACED), "amount": step["amount"]}
            answer = admin.put(f"{path}/refunds/{version}", refund)
            assert answer.status_code in (200, 202, 422), answer.data
        orders = admin.get(f"/members/{owner}/orders?limit=200").get_json()["data"]
        assert kept(owner) == recounted(orders)
    assert checking.look(None).wrong == []
    assert check.run(owner) == []


def test_a_drift_is_found(admin, owner):
    step = {"status": "paid", "paid_after": 1, "amount": 2500, "shipping": 0}
    admin.put("/orders/web/A1", body(step | {"guest": False, "late": False}, owner, 1))
    assert checking.look(None).wrong == []
    for change in ("orders = orders + 1", "monetary = monetary + 1", "last_day = last_day + 1"):
        with db.session.begin_nested() as savepoint:
            db.session.execute(text(f"UPDATE purchase_summary SET {change}"))
            assert checking.look(None).wrong == [owner], change
            savepoint.rollback()


def test_the_day_of_a_purchase_is_the_members_own(admin, person):
    at = datetime(2026, 11, 1, 11, 0, tzinfo=UTC)  # the second of November in Kiritimati
    for zone, day in ((ZONE, "2026-11-02"), ("Pacific/Pago_Pago", "2026-11-01")):
        member_id = person(joined=PLACED - timedelta(days=9), zone=zone)
        step = {"status": "paid", "amount": 100, "shipping": 0, "guest": False, "late": False}
        order = body(step | {"paid_after": 9}, member_id, 1)
        assert order["paid_at"] == stamp(at)
        admin.put(f"/orders/web/{zone.replace('/', '-')}", order)
        assert str(kept(member_id)["first_day"]) == day
