"""What messages say of a member's points: available now, and what expires within thirty days."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.points import balances

SOON = timedelta(days=30)

# Members with holds or a debt are reckoned one by one: few have either.
PLAIN = text("""
    SELECT a.member_id, a.holds > 0 OR a.debt > 0 AS by_itself,
           coalesce(sum(l.remaining), 0)::bigint AS available,
           coalesce(sum(l.remaining) FILTER (WHERE l.expires_at <= :soon), 0)::bigint AS expiring,
           min(l.expires_at) FILTER (WHERE l.expires_at <= :soon) AS expires_at
    FROM points_account a
    LEFT JOIN points_lot l ON l.member_id = a.member_id AND l.remaining > 0
        AND l.available_at <= :now AND (l.expires_at IS NULL OR l.expires_at > :now)
    WHERE a.member_id = ANY(:ids)
    GROUP BY a.member_id
""")


def of_members(ids: Sequence[UUID], now: datetime) -> dict[UUID, dict[str, Any]]:
    """`available`, `expiring` and `expires_on` (None: nothing expires soon), by member.

    `expires_on` is the last day on which the first of them can be spent, as an instant.
    """
    found = {one: _said(0, 0, None) for one in ids}
    rows = db.session.execute(PLAIN, {"ids": list(ids), "now": now, "soon": now + SOON}).all()
    for row in rows:
        if row.by_itself:
            found[row.member_id] = _reckoned(row.member_id, now)
        else:
            found[row.member_id] = _said(row.available, row.expiring, row.expires_at)
    return found


def _reckoned(member_id: UUID, now: datetime) -> dict[str, Any]:
    balance = balances.balance(member_id, now, now=now)
    soon = [one for one in balance["expiring"] if one["expires_at"] <= now + SOON]
    first = soon[0]["expires_at"] if soon else None
    return _said(balance["available"], sum(one["points"] for one in soon), first)


def _said(available: int, expiring: int, expires_at: datetime | None) -> dict[str, Any]:
    # A lot's expiry is exclusive: the first instant at which it is gone.
    last = None if expires_at is None else (expires_at - timedelta(microseconds=1)).isoformat()
    return {"available": available, "expiring": expiring, "expires_on": last}
