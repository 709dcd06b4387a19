"""Claims and releases over HTTP: what is done to orders that are there."""

from typing import Any

from crm import clock
from crm.http import Blueprint, idempotent, needs
from crm.members import identity
from crm.orders import claims, documents
from crm.orders.answer_schemas import OrderOut
from crm.orders.schemas import ClaimIn, ReleaseIn

blp = Blueprint("order claims", __name__, description="Guests' orders claimed, points released.")


@blp.post("/orders/<channel>/<order_no>/claim")
@needs("orders:write")
@idempotent
@blp.arguments(ClaimIn)
@blp.response(200, OrderOut)
def claim(body: dict, channel: str, order_no: str) -> dict[str, Any]:
    """Give a guest's order to a member. It earns by the rules in force when it was placed and by
    the tier held then, less what refunds have taken. Repeatable."""
    who = identity.parse_ref(body["member"], at="/member")
    now = clock.now()
    return documents.document(claims.claim(channel, order_no, who, now), now)


@blp.post("/orders/<channel>/<order_no>/release")
@needs("orders:write")
@idempotent
@blp.arguments(ReleaseIn)
@blp.response(200, OrderOut)
def release(body: dict, channel: str, order_no: str) -> dict[str, Any]:
    """Make the order's pending points spendable now: the explicit call that the policy `manual`
    waits for, an early release under any other. Repeatable."""
    now = clock.now()
    return documents.document(
        claims.release(channel, order_no, now, reason=body.get("reason")), now
    )
