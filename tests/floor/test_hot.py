"""Hot statements: typed rows, psycopg's own errors, connections that are replaced."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from crm import hot
from crm.db import as_array, db

pytestmark = pytest.mark.usefixtures("committed")

KEY = UUID("00000000-0000-4000-8000-00000000000a")
AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
INSERT = "INSERT INTO idempotency_key (key, fingerprint, created_at) VALUES (%s, %s, %s)"


def call(sql, *params):
    found = hot.rows(db.engines["autocommit"], sql, params)
    return found[0] if found else None


def test_values_come_back_with_their_types():
    row = call("SELECT %s::uuid, %s::timestamptz, %s::text, %s::bigint, %s", KEY, AT, None, 7, True)
    assert row == (KEY, AT, None, 7, True)


def test_arrays_travel_as_one_text():
    sql = "SELECT %s::uuid[], %s::integer[], %s::uuid[]"
    assert call(sql, as_array([KEY] * 2), as_array([1, -2]), as_array([])) == (
        [KEY] * 2,
        [1, -2],
        [],
    )


def test_no_row_is_none():
    assert call("SELECT 1 WHERE %s", False) is None


def test_each_call_is_committed_by_itself():
    call(f"{INSERT} RETURNING 1", KEY, KEY, AT)
    with db.engine.connect() as other:
        found = other.exec_driver_sql("SELECT count(*) FROM idempotency_key")
        assert found.scalar() == 1


def test_a_refusal_of_the_database_names_its_constraint_and_leaves_the_connection_usable():
    call(f"{INSERT} RETURNING 1", KEY, KEY, AT)
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        call(f"{INSERT} RETURNING 1", KEY, KEY, AT)
    assert caught.value.diag.constraint_name == "pk_idempotency_key"
    assert call("SELECT 1") == (1,)


def test_other_types_of_the_same_statement_are_prepared_anew():
    assert call("SELECT %s::text", "a") == ("a",)
    assert call("SELECT %s::text", 5) == ("5",)
    assert call("SELECT %s::text", None) == (None,)


def test_a_connection_that_the_server_ended_is_replaced_unnoticed():
    (pid,) = call("SELECT pg_backend_pid()")
    with db.engine.connect() as other:
        other.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    (now,) = call("SELECT pg_backend_pid()")
    assert now != pid


def test_many_rows_come_back_in_their_order():
    found = hot.rows(db.engines["autocommit"], "SELECT g FROM generate_series(1, %s) g", (3,))
    assert found == [(1,), (2,), (3,)]


def test_the_connection_that_was_used_last_is_used_next(app):
    def ask() -> int:
        with app.app_context():
            return call("SELECT pg_backend_pid()")[0]

    own = ask()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == own == ask()


def test_calls_at_the_same_time_have_a_connection_each(app):
    def wait() -> int:
        with app.app_context():
            return call("SELECT pg_backend_pid() FROM pg_advisory_lock_shared(4471)")[0]

    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4471 AND NOT granted"
    )
    with db.engine.connect() as other, ThreadPoolExecutor(1) as pool:
        other.execute(text("SELECT pg_advisory_lock(4471)"))
        there = pool.submit(wait)
        while not other.scalar(waiting):
            pass
        here = call("SELECT pg_backend_pid()")[0]
        other.execute(text("SELECT pg_advisory_unlock(4471)"))
        assert there.result() != here
    call("SELECT 1 FROM pg_advisory_unlock_all()")
