"""Writing members and counted orders as Parquet: one statement and a few MB of memory each."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString, cast

import numpy as np
import pyarrow as pa  # pyright: ignore[reportMissingImports]
import pyarrow.parquet as pq  # pyright: ignore[reportMissingImports]
from psycopg import Connection, sql

from crm.db import db
from crm.segments.reading import HEADER, TRAILER

ROWS = 500_000  # of a row group
ID = [("id_width", ">i4"), ("id", "S36")]
MEMBERS = np.dtype([("columns", ">i2"), *ID, ("at_width", ">i4"), ("at", ">i8")])
PURCHASES = np.dtype(
    [
        ("columns", ">i2"),
        *ID,
        ("at_width", ">i4"),
        ("at", ">i8"),
        ("day_width", ">i4"),
        ("day", ">i4"),
        ("net_width", ">i4"),
        ("net", ">i8"),
    ]
)
COPY = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)")
MICROSECONDS, DAYS = 946_684_800_000_000, 10_957  # from 1970, where Arrow begins, to 2000
ALL_MEMBERS: LiteralString = (
    "SELECT id::text, created_at FROM member WHERE status = 'active' ORDER BY id"
)
ALL_PURCHASES: LiteralString = """
    SELECT member_id::text, paid_at, local_day, net FROM orders
    WHERE counted AND member_id IS NOT NULL ORDER BY member_id, paid_at
"""


def export(folder: Path) -> dict[str, int]:
    """Write `members.parquet` and `purchases.parquet` into `folder`; returns their numbers of rows.

    Times are UTC. A file is complete or not there: it gets its name when it is finished.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "members": _write(folder / "members.parquet", ALL_MEMBERS, MEMBERS, _members),
        "purchases": _write(folder / "purchases.parquet", ALL_PURCHASES, PURCHASES, _purchases),
    }


def _members(rows: np.ndarray) -> dict[str, pa.Array]:
    return {"id": _ids(rows), "created_at": _instants(rows)}


def _purchases(rows: np.ndarray) -> dict[str, pa.Array]:
    days = pa.array(rows["day"].astype(np.int32) + DAYS, pa.int32()).cast(pa.date32())
    net = pa.array(rows["net"].astype(np.int64))
    return {"member_id": _ids(rows), "paid_at": _instants(rows), "local_day": days, "net": net}


def _ids(rows: np.ndarray) -> pa.Array:
    return pa.array(rows["id"].astype("U36"))


def _instants(rows: np.ndarray) -> pa.Array:
    return pa.array(rows["at"].astype(np.int64) + MICROSECONDS, pa.int64()).cast(pa.timestamp("us"))


def _write(path: Path, query: LiteralString, record: np.dtype, columns: Any) -> int:
    unfinished, count, writer = path.with_suffix(".unfinished"), 0, None
    for rows in _rows(query, record):
        table = pa.table(columns(rows))
        writer = writer or pq.ParquetWriter(unfinished, table.schema)
        writer.write_table(table)
        count += len(rows)
    assert writer is not None, "there is a last piece, if an empty one"
    writer.close()
    os.replace(unfinished, path)
    return count


def _rows(query: LiteralString, record: np.dtype) -> Iterator[np.ndarray]:
    """The rows of a query whose columns have one width each, in pieces; an empty one at the end."""
    session = cast(Connection, db.session.connection().connection.driver_connection)
    raw, begun = bytearray(), False
    with session.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        with cursor.copy(COPY.format(sql.SQL(query))) as copy:
            for block in copy:
                raw += block
                if not begun and len(raw) >= HEADER:
                    del raw[:HEADER]
                    begun = True
                if len(raw) >= ROWS * record.itemsize + TRAILER:
                    yield _take(raw, record, ROWS)
    yield _take(raw, record, (len(raw) - TRAILER) // record.itemsize)


def _take(raw: bytearray, record: np.dtype, count: int) -> np.ndarray:
    rows = np.frombuffer(bytes(raw[: count * record.itemsize]), record, count=count)
    del raw[: count * record.itemsize]
    return rows
