"""Many rows at once, in the current transaction, without a statement per row."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql

from crm.db import db


def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table. Values are psycopg's; JSON wants `Jsonb`."""
    db.session.flush()
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    driver: Any = db.session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copying:
        for row in rows:
            copying.write_row(row)
