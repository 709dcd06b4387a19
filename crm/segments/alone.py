"""One at a time: two that write the same of all members would leave a mixture."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from crm.db import db

# Advisory locks: somebody is doing this.
SEGMENTS, WINDOWS, CHANCES, BASKETS = 7_301_206, 7_301_207, 7_301_208, 7_301_209


@contextmanager
def alone(key: int = SEGMENTS) -> Iterator[None]:
    """Wait for the others; nobody else begins inside the block. Ends with the process."""
    with db.engines["autocommit"].connect() as connection:
        connection.execute(text("SET lock_timeout = 0; SET statement_timeout = 0"))
        try:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
            connection.execute(text("RESET lock_timeout; RESET statement_timeout"))
