"""Members and orders for the tests of this room."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from order_bodies import PLACED
from sqlalchemy import text

from crm.db import db, transaction
from crm.ids import uuid7
from crm.members.tiers import writing


@pytest.fixture
def member(app) -> Callable[..., UUID]:
    """Makes members: `member()` → id."""

    def make(joined: datetime = PLACED - timedelta(days=30)) -> UUID:
        member_id = uuid7()
        with transaction():
            db.session.execute(
                text("""
                    INSERT INTO member (id, created_at, updated_at, member_no, status)
                    VALUES (:id, :at, :at, :no, 'active')
                """),
                {"id": member_id, "at": joined, "no": f"{uuid4().int % 10**10:010}"},
            )
            writing.begin_many([(member_id, joined)], joined)
        return member_id

    return make
