"""Adjustments as tests ask for them, by people of every role."""

from typing import Any
from uuid import UUID

from crm.db import transaction
from crm.http.permissions import PERMISSIONS, ROLES
from crm.http.principal import Principal
from crm.ids import uuid7
from crm.points import adjustments
from crm.points.adjustments import Adjustment, Outcome


def someone(role: str, **more: Any) -> Principal:
    """A member of staff."""
    return Principal("staff", uuid7(), f"the {role}", ROLES[role], role, **more)


def program() -> Principal:
    """An API key with every scope."""
    return Principal("key", uuid7(), "a program", frozenset(PERMISSIONS))


def asked(member_id: UUID, points: int, **more: Any) -> Adjustment:
    """An adjustment of this member."""
    facts = {"reason_code": "goodwill", "note": "late parcel"} | more
    return Adjustment(facts.pop("id", uuid7()), member_id, points, **facts)


def adjust(member_id: UUID, points: int, *, by: Principal, now: Any, **more: Any) -> Outcome:
    """Ask for it in a transaction of its own."""
    with transaction():
        return adjustments.adjust(asked(member_id, points, **more), by=by, now=now)
