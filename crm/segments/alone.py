"""One at a time: two that write segments at once would leave a mixture."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from crm.db import db

KEY = 7_301_206  # advisory lock: somebody is giving members their segments


@contextmanager
def alone() -> Iterator[None]:
    """Wait for the others; nobody else begins inside the block. Ends with the process."""
    with db.engines["autocommit"].connect() as connection:
        connection.execute(text("SET lock_timeout = 0; SET statement_timeout = 0"))
        try:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": KEY})
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": KEY})
            connection.execute(text("RESET lock_timeout; RESET statement_timeout"))
