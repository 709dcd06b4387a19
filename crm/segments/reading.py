"""Reading the features of all members, as fixed-width binary rows, by two sessions at once.

`COPY … (FORMAT binary)` gives records of one size, because no column is ever null; numpy reads them
in place. A million members take a second and no Python object each.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from sqlalchemy import Connection, Engine, text

from crm.db import db
from crm.segments.features import KINDS, NEVER, Population
from crm.segments.vocabulary import CODES

HEADER, TRAILER = 19, 2  # bytes of PostgreSQL's binary COPY format
RECORD = np.dtype(
    [
        ("columns", ">i2"),
        ("ids_width", ">i4"),
        ("ids", ">u8", (2,)),
        ("recency_width", ">i4"),
        ("recency", ">i4"),
        ("frequency_width", ">i4"),
        ("frequency", ">i4"),
        ("monetary_width", ">i4"),
        ("monetary", ">i8"),
        ("tenure_width", ">i4"),
        ("tenure", ">i4"),
        ("previous_width", ">i4"),
        ("previous", ">i4"),
        ("settled_width", ">i4"),
        ("settled", ">i4"),
        ("waiting_width", ">i4"),
        ("waiting", ">i4"),
    ]
)
EPOCH = date(2000, 1, 1)  # from which PostgreSQL counts days
MINUS_INFINITY = -(2**31)  # its day before all days
SAME = -2  # settled where no move waits: the segment that the member is in
NO_RUN = UUID(int=0)
LAST = UUID(int=2**128 - 1)
# Members and aggregates are walked in the order of their keys: nothing is sorted or hashed. An
# outer join does not hand a bound on. (SELECT …) keeps statistics out of how many are beyond it:
# where they are old that may be everybody, and a plan made for nobody goes through all pairs. For
# the same reason who is counted again is found out once, before all else.
FEATURES = """
    COPY (
        WITH a AS MATERIALIZED (
            SELECT * FROM purchases_recounted(%(as_of)s)
            WHERE member_id {side} (SELECT %(half)s::uuid)
        )
        SELECT m.id,
               coalesce(b.last_day, a.last_day, '-infinity'),
               coalesce(b.frequency, a.frequency, 0),
               coalesce(b.monetary, a.monetary, 0),
               coalesce(b.first_day, a.first_day, '-infinity'),
               coalesce(array_position(%(codes)s::text[], m.segment), 0) - 1,
               CASE WHEN w.member_id IS NULL THEN %(same)s
                    ELSE coalesce(array_position(%(codes)s::text[], w.counted_from), 0) - 1 END,
               CASE WHEN w.run_id <> %(run_id)s THEN 1 ELSE 0 END
        FROM member m
        LEFT JOIN purchase_summary b ON b.member_id = m.id
            AND b.last_paid_at <= %(as_of)s AND b.orders > 0
            AND b.member_id {side} (SELECT %(half)s::uuid)
        LEFT JOIN a ON a.member_id = m.id
        LEFT JOIN segment_assignment w ON w.member_id = m.id AND w.standing = 'waiting'
            AND w.member_id {side} (SELECT %(half)s::uuid)
        WHERE m.status = 'active' AND m.id {side} (SELECT %(half)s::uuid)
          AND (b.member_id IS NOT NULL OR a.member_id IS NOT NULL OR m.created_at <= %(as_of)s)
        ORDER BY m.id
    ) TO STDOUT (FORMAT binary)
"""
# From a hundredth of the pages: the halves need not be equal, and a small shop has none.
MIDDLE = text("""
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM member TABLESAMPLE SYSTEM (1)
""")
GUESTS = text("""
    SELECT coalesce(sum(net), 0)::bigint FROM orders
    WHERE member_id IS NULL AND counted AND paid_at <= :as_of
""")
Read = Callable[[Connection, str, UUID], Population]


def population(as_of: datetime, zone: ZoneInfo, run_id: UUID = NO_RUN) -> Population:
    """All active members who had registered or bought by `as_of`, ordered by id.

    Days are the members' own local days, counted to the day that `as_of` is in `zone` (the
    programme's); a member whose calendar is ahead of it bought 0 days ago at the least. A move
    that an earlier attempt of `run_id` itself made does not count as waiting for it.

    The halves of a large shop are read by sessions of their own: they see what is committed.
    """
    today = (as_of.astimezone(zone).date() - EPOCH).days
    values = {"as_of": as_of, "codes": list(CODES), "run_id": run_id, "same": SAME}

    def read(session: Connection, side: str, half: UUID) -> Population:
        return _people(_rows(session, FEATURES.format(side=side), values | {"half": half}), today)

    engine, half = db.engines[None], middle()
    if half is None or isinstance(engine, Connection):  # of an outer transaction: others see none
        return read(db.session.connection(), "<=", LAST)
    return _by_two(engine, half, read)


def guests_revenue(as_of: datetime) -> int:
    """What was bought by nobody known, minor units: revenue that no segment can show."""
    return db.session.execute(GUESTS, {"as_of": as_of}).scalar_one()


def middle() -> UUID | None:
    """The id up to which about half of the members come; None in a small shop."""
    return db.session.execute(MIDDLE).scalar_one()


def _by_two(engine: Engine, half: UUID, read: Read) -> Population:
    """Both halves at once and as of one instant: what is committed meanwhile is in neither."""
    engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as one, engine.connect() as other, ThreadPoolExecutor(1) as beside:
        snapshot = one.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        other.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
        upper = beside.submit(read, other, ">", half)
        return read(one, "<=", half).joined(upper.result())


def _rows(session: Connection, query: str, values: Mapping[str, Any]) -> np.ndarray:
    raw = bytearray()
    connection = cast(psycopg.Connection, session.connection.driver_connection)
    with connection.cursor() as cursor, cursor.copy(query.encode(), values) as copy:
        for block in copy:
            raw += block
    count = (len(raw) - HEADER - TRAILER) // RECORD.itemsize
    return np.frombuffer(raw, RECORD, count=count, offset=HEADER)


def _people(rows: np.ndarray, today: int) -> Population:
    found = {name: rows[name].astype(kind) for name, kind in KINDS.items()}
    for name in ("recency", "tenure"):
        days = found[name]
        found[name] = np.where(days == MINUS_INFINITY, np.int32(NEVER), np.maximum(today - days, 0))
    found["settled"] = np.where(found["settled"] == SAME, found["previous"], found["settled"])
    return Population(rows["ids"].astype(np.uint64), **found)
