"""The sandbox's clock, set by hand: for tests of what time does to points."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import text

from crm.db import db, transaction

SET = text("""
    INSERT INTO sandbox_clock (one, now) VALUES (true, :now)
    ON CONFLICT (one) DO UPDATE SET now = excluded.now
""")


def set_to(at: datetime) -> None:
    """Let it be `at`, and stay so. Nothing that falls due on the way is run."""
    with transaction():
        db.session.execute(SET, {"now": at})


@pytest.fixture
def stand_at(app: Flask) -> Callable[[datetime], None]:
    """Sets the clock: `stand_at(datetime(2027, 1, 31, tzinfo=UTC))`."""
    return set_to
