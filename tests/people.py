"""Members for tests that need one quickly; the members room has its own tests of registering."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from crm.db import db, transaction
from crm.ids import uuid7
from crm.members.tiers import writing

JOINED = datetime(2026, 1, 10, 4, 0, tzinfo=UTC)
_numbers = count(1_000_000_000)

INSERT = text("""
    INSERT INTO member (id, created_at, updated_at, member_no, status, timezone)
    VALUES (:id, :at, :at, :no, 'active', :zone)
""")


def make(joined: datetime = JOINED, zone: str | None = None) -> UUID:
    """A new active member; in the caller's application context, in a transaction of its own."""
    member_id = uuid7()
    values = {"id": member_id, "at": joined, "no": str(next(_numbers)), "zone": zone}
    with transaction():
        db.session.execute(INSERT, values)
        writing.begin_many([(member_id, joined)], joined)
    return member_id


@pytest.fixture
def person(app: Flask) -> Callable[..., UUID]:
    """Makes members: `person()` → id, `person(zone="Pacific/Kiritimati")`."""
    return make
