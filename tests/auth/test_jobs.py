"""What no longer matters is forgotten."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from crm.auth import throttle
from crm.auth.jobs import purge
from crm.db import db


@pytest.mark.parametrize(("age", "left"), [(timedelta(hours=23), 1), (timedelta(hours=25), 0)])
def test_tries_are_forgotten_after_a_day(context: None, now: datetime, age: timedelta, left: int):
    throttle.begin("mei@shop.example", "192.0.2.1", now - age)
    purge(now)
    purge(now)
    assert db.session.scalar(text("SELECT count(*) FROM login_attempt")) == left
