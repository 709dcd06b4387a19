"""One place commits; what waits for the commit runs after it or never."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crm import installation
from crm.db import after_commit, call, db, in_transaction, transaction


def there(key: str) -> bool:
    return installation.read(key) is not None


def test_what_was_written_is_there_after_the_block():
    with transaction():
        assert in_transaction()
        installation.write("a", 1)
    assert there("a")
    assert not in_transaction()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_any_error_rolls_all_back_and_goes_on(error):
    done = []

    def fail() -> None:
        with transaction():
            after_commit(lambda: done.append("after"))
            installation.write("a", 1)
            raise error

    with pytest.raises(error):
        fail()
    assert not there("a")
    assert done == []
    assert not in_transaction()


def test_what_waits_runs_after_the_commit_in_the_order_given():
    done = []
    with transaction():
        after_commit(lambda: done.append(("first", in_transaction())))
        after_commit(lambda: done.append(("second", in_transaction())))
        assert done == []
    assert done == [("first", False), ("second", False)]


def test_a_failure_after_the_commit_stops_neither_the_others_nor_the_caller():
    done = []
    with transaction():
        installation.write("a", 1)
        after_commit(lambda: 1 / 0)
        after_commit(lambda: done.append("still"))
    assert done == ["still"]
    assert there("a")


def test_a_savepoint_that_is_released_does_not_count_as_the_commit():
    done = []
    with transaction():
        after_commit(lambda: done.append("after"))
        with db.session.begin_nested():
            installation.write("a", 1)
        assert done == []
    assert done == ["after"]


def test_transactions_do_not_nest():
    with pytest.raises(AssertionError, match="do not nest"), transaction(), transaction():
        pass
    with transaction():  # and the outer one was closed properly
        installation.write("a", 1)


def lose_the_connection() -> None:
    with transaction():
        installation.write("a", 1)
        backend = db.session.scalar(text("SELECT pg_backend_pid()"))
        with db.engines["autocommit"].connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": backend})


def test_a_commit_that_failed_leaves_nothing_and_the_session_usable(committed):
    with pytest.raises(DBAPIError):
        lose_the_connection()
    assert not there("a")
    with transaction():
        installation.write("b", 1)
    assert there("b")


def test_one_statement_is_all_or_nothing():
    with pytest.raises(Exception, match="division by zero"):
        call(
            "WITH new AS (INSERT INTO installation VALUES (%s, '1') RETURNING 1) "
            "SELECT 1 / 0 FROM new",
            ("a",),
        )
    assert not there("a")
    row = call("INSERT INTO installation VALUES (%s, %s) RETURNING key", ("b", "1"))
    assert row == ("b",)
    assert there("b")


def test_a_statement_without_a_row_answers_none():
    assert call("SELECT 1 WHERE %s", (False,)) is None


@pytest.mark.parametrize("value", ["", "茶", "%s", "'; DROP TABLE member; --", "{}", "\\x00", None])
def test_values_go_as_values(committed, value):
    assert call("SELECT %s::text", (value,)) == (value,)
    assert call("SELECT %s::text, %s::bigint", (value, 2**40)) == (value, 2**40)
