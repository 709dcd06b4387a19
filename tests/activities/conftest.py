"""What the tests of activities share."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from api_client import Api
from order_bodies import order_body


@pytest.fixture
def rule(admin: Api) -> Callable[..., dict[str, Any]]:
    """Makes a rule for an activity: `rule("review", 30, cap={...})` → the rule."""

    def make(activity: str, points: int, **more: Any) -> dict[str, Any]:
        body = {"kind": "activity", "activity": activity, "points": points} | more
        answer = admin.post("/points/rules", body)
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return make


@pytest.fixture
def act(admin: Api) -> Callable[..., Any]:
    """An act to be rewarded by the rules: `act(member, "review")` → the answer."""

    def ask(member_id: UUID, activity: str, **more: Any) -> Any:
        body = {"member": {"id": str(member_id)}, "activity": activity}
        if activity in ("review", "share", "survey", "custom"):
            body["source_key"] = uuid4().hex
        idem = more.pop("idem", None)
        return admin.post("/points/awards", body | more, idem=idem)

    return ask


@pytest.fixture
def put_order(admin: Api) -> Callable[..., dict[str, Any]]:
    """Writes an order: `put_order("A1", member)` → the order as answered."""

    def write(order_no: str, member_id: UUID | None = None, **changes: Any) -> dict[str, Any]:
        answer = admin.put(f"/orders/web/{order_no}", order_body(member_id, **changes))
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return write


@pytest.fixture
def refund(admin: Api) -> Callable[..., Any]:
    """Refunds an order: `refund("A1", amount=25000)` → the answer."""

    def write(order_no: str, at: str = "2026-11-03T02:00:00Z", **body: Any) -> Any:
        path = f"/orders/web/{order_no}/refunds/{uuid4().hex[:8]}"
        return admin.put(path, {"refunded_at": at} | body)

    return write


@pytest.fixture
def points_of(admin: Api) -> Callable[[UUID], dict[str, Any]]:
    """A member's balance now."""

    def read(member_id: UUID) -> dict[str, Any]:
        answer = admin.get(f"/members/{member_id}/points")
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return read


@pytest.fixture
def redeem(admin: Api) -> Callable[[UUID, int], Any]:
    """Spends points: `redeem(member, 300)` → the answer."""

    def spend(member_id: UUID, points: int) -> Any:
        body = {"member": {"id": str(member_id)}, "points": points, "reference": "till"}
        return admin.post("/points/redemptions", body)

    return spend
