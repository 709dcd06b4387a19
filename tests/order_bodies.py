"""Orders as tests send them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

PLACED = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


def stamp(at: datetime) -> str:
    """As the contract writes times."""
    return at.isoformat().replace("+00:00", "Z")


def order_body(member_id: UUID | None = None, **changes: Any) -> dict[str, Any]:
    """A paid order of 250.00: two lines."""
    body = {
        "status": "paid",
        "placed_at": stamp(PLACED),
        "paid_at": stamp(PLACED + timedelta(minutes=5)),
        "updated_at": stamp(PLACED + timedelta(minutes=5)),
        "currency": "CNY",
        "lines": [
            {"line_no": 1, "sku": "T1", "name": "Tea", "quantity": 2, "unit_price": 10000},
            {"line_no": 2, "sku": "C1", "name": "Cup", "quantity": 1, "unit_price": 5000},
        ],
    }
    if member_id is not None:
        body["member"] = {"id": str(member_id)}
    return body | changes
