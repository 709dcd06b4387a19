"""A balance read before the lock is waited for: the bug that only two at once can show."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from clocks import set_to
from people import make
from seeded_bugs import DEFINITION, sql
from sqlalchemy import text
from told_twice import START

from crm.db import db
from crm.points import check

LOCK = "SELECT * INTO v_account FROM points_account WHERE member_id = v_door.member FOR UPDATE;"
BEFORE = "SELECT sum(remaining) INTO v_available FROM points_lot WHERE member_id = v_door.member;"
WAITING = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND query LIKE '%points_redeem%'
""")


def two_wait_for_the_last_hundred(shop) -> list[int]:
    """Two redemptions of 100 find the account locked, and go on together: their statuses."""
    set_to(START)
    who = {"member": {"id": str(make(joined=START))}}
    given = {"activity": "custom", "source_key": "1", "points": 100}
    assert shop("POST", "/points/awards", who | given).status_code == 201
    body = who | {"points": 100, "reference": "till"}
    with db.engines[None].connect() as other, ThreadPoolExecutor(2) as pool:
        other.execute(text("SELECT 1 FROM points_account FOR UPDATE"))
        asked = [pool.submit(shop, "POST", "/points/redemptions", body) for _ in range(2)]
        deadline = time.monotonic() + 9
        while (waiting := db.session.scalar(WAITING)) < 2 and time.monotonic() < deadline:
            db.session.rollback()
            time.sleep(0.01)
        assert waiting == 2, "only who waits in the statement itself can have read before"
        other.rollback()
        return sorted(one.result().status_code for one in asked)


@contextmanager
def read_before_the_lock() -> Iterator[None]:
    """`points_redeem` as it is when somebody reads first and locks later."""
    before = db.session.scalar(DEFINITION, {"name": "points_redeem"})
    with pytest.MonkeyPatch.context() as patches:
        sql("points_redeem", LOCK, f"{BEFORE}\n{LOCK}")(patches)
        sql("points_redeem", "v_until, v_available\n", "v_until, v_taken\n")(patches)
        sql("points_redeem", "v_taken IS DISTINCT FROM p_points", "false")(patches)
    try:
        yield
    finally:
        db.session.rollback()
        db.session.execute(text(before.replace(":", r"\:")))
        db.session.commit()


def test_of_two_who_waited_for_the_lock_one_is_refused(served_shop):
    assert two_wait_for_the_last_hundred(served_shop) == [201, 422]
    assert check.run() == []


def test_a_balance_that_was_read_before_the_lock_is_noticed(served_shop):
    with read_before_the_lock():
        assert two_wait_for_the_last_hundred(served_shop) != [201, 422]
