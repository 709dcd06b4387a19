"""Moving points from one member to another. Works inside the caller's transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.ids import uuid7
from crm.points import balances, holds
from crm.points.accounts import lock_accounts
from crm.points.errors import InsufficientPoints, SelfTransfer

TRANSFER = text("""
    SELECT (sent).seq AS sent, (got).seq AS got
    FROM points_transfer(:from, :to, :points, :now, :id, :actor, :reason)
""")


def transfer(
    giver: UUID, taker: UUID, points: int, *, reason: str, now: datetime, actor: str | None = None
) -> dict[str, Any]:
    """Move spendable points, earliest expiry first; each keeps its own expiry.

    Both sides get an entry `transfer` of the same source that names the other member. Returns
    {id, points, from, to}, the latter two entries as the contract shows them. Raises
    `SelfTransfer`, `InsufficientPoints`.
    """
    if giver == taker:
        raise SelfTransfer(pointer="/to")
    lock_accounts([giver, taker])
    available = holds.spendable(giver, now)
    if available < points:
        missing = points - available
        raise InsufficientPoints(
            pointer="/points", required=points, available=available, missing=missing
        )
    transfer_id = uuid7()
    row = db.session.execute(
        TRANSFER,
        {
            "from": giver, "to": taker, "points": points, "now": now, "id": transfer_id,
            "actor": actor, "reason": reason,
        },
    ).one()  # fmt: skip
    return {
        "id": str(transfer_id),
        "points": points,
        "from": balances.entry(giver, row.sent),
        "to": balances.entry(taker, row.got),
    }
