"""A member from all sides: who he is, where he stands, what he has, what he bought, what we may."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns.surveys import reading as surveys
from crm.cases import documents as cases
from crm.coupons import documents as coupons
from crm.db import db
from crm.members import consents, documents, notes
from crm.orders import documents as orders
from crm.overview import tier_api
from crm.points import balances, rulebook
from crm.segments import member_rfm

SOON = timedelta(days=30)
LAST_ORDERS = 5
MOST_COUPONS = 50

PURCHASES = text("""
    SELECT orders, frequency AS days, monetary, first_paid_at, last_paid_at,
           CASE WHEN frequency > 1
                THEN CAST(last_day - first_day AS double precision) / (frequency - 1)
           END AS mean_gap_days
    FROM purchase_summary WHERE member_id = :member AND orders > 0
""")


def read(member_id: UUID, *, permissions: Collection[str], now: datetime) -> dict[str, Any]:
    """The profile; parts that the permissions don't cover are None. Raises `MemberNotFound`."""
    member = documents.document(member_id, now=now)
    bought, points = "orders:read" in permissions, "points:read" in permissions
    return {
        "as_of": now,
        "member": member,
        "tier": tier_api.document(member_id, now),
        "points": _points(member_id, now) if points else None,
        "segment": member_rfm.rfm(member_id, now=now) if "segments:read" in permissions else None,
        "purchases": _purchases(member_id, now) if bought else None,
        "orders": _orders(member_id, now) if bought else None,
        "coupons": _coupons(member_id, now) if "coupons:read" in permissions else None,
        "cases": cases.open_of(member_id, now=now) if "cases:read" in permissions else None,
        "consents": consents.current(member_id),
        "notes": notes.last(member_id),
    }


def _points(member_id: UUID, now: datetime) -> dict[str, Any]:
    found = balances.balance(member_id, now, now=now)
    soon = sum(one["points"] for one in found["expiring"] if one["expires_at"] <= now + SOON)
    return found | {"expiring_30_days": soon}


def _purchases(member_id: UUID, now: datetime) -> dict[str, Any] | None:
    row = db.session.execute(PURCHASES, {"member": member_id}).mappings().one_or_none()
    if row is None:
        return None
    currency = rulebook.load().programme_at(now).currency
    return {**row, "monetary": {"amount": row["monetary"], "currency": currency}}


def _coupons(member_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """Those that he can use now, the newest first."""
    found = coupons.of_member(member_id, MOST_COUPONS, None, now=now, state="issued")
    return found["data"]


def _orders(member_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """The last orders, each with how satisfied he was with it."""
    found = orders.of_member(member_id, LAST_ORDERS, None)["data"]
    said = surveys.of_orders([order.id for order in found])
    return [orders.document(order, now) | {"satisfaction": said.get(order.id)} for order in found]
