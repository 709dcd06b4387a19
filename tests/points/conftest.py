"""What the tests of the ledger share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from api_client import Api
from flask import Flask

from crm.points import check


@pytest.fixture
def award(admin: Api) -> Callable[..., dict[str, Any]]:
    """Gives points: `award(member, 300)` → the entry; `expires_at=` an instant."""

    def give(member_id: UUID, points: int, **more: Any) -> dict[str, Any]:
        body = {"activity": "custom", "source_key": uuid4().hex, "points": points} | more
        if isinstance(body.get("expires_at"), datetime):
            body["expires_at"] = body["expires_at"].isoformat()
        answer = admin.post("/points/awards", {"member": {"id": str(member_id)}} | body)
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return give


@pytest.fixture
def redeem(admin: Api) -> Callable[..., Any]:
    """Spends points: `redeem(member, 300)` → the answer, whatever it is."""

    def spend(member_id: UUID, points: int, **kwargs: Any) -> Any:
        body = {"member": {"id": str(member_id)}, "points": points, "reference": "till"}
        return admin.post("/points/redemptions", body, **kwargs)

    return spend


@pytest.fixture
def points_of(admin: Api) -> Callable[..., dict[str, Any]]:
    """A member's balance: `points_of(member)`, `points_of(member, as_of)`."""

    def read(member_id: UUID, as_of: datetime | None = None) -> dict[str, Any]:
        query = {} if as_of is None else {"as_of": as_of.isoformat()}
        answer = admin.get(f"/members/{member_id}/points", query_string=query)
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return read


@pytest.fixture
def entries_of(admin: Api) -> Callable[[UUID], list[dict[str, Any]]]:
    """A member's entries, newest first."""

    def read(member_id: UUID) -> list[dict[str, Any]]:
        answer = admin.get(f"/members/{member_id}/points/entries?limit=200")
        assert answer.status_code == 200, answer.data
        return answer.get_json()["data"]

    return read


@pytest.fixture
def contents_of_points(app: Flask) -> Callable[[], tuple[int, ...]]:
    """How many accounts, entries and lots there are."""

    def count() -> tuple[int, ...]:
        return tuple(check.totals().values())

    return count
