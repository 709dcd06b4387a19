"""Reading the purchase days of a sample of members in one statement, as fixed-width binary rows."""

from datetime import date, datetime
from typing import cast

import numpy as np
from psycopg import Connection

from crm.db import db
from crm.segments.next_purchase.histories import Histories
from crm.segments.next_purchase.sampling import SAMPLED
from crm.segments.reading import HEADER, TRAILER

SAMPLE = 60_000  # members
EPOCH = date(2000, 1, 1).toordinal()  # where PostgreSQL begins to count days
RECORD = np.dtype(
    [
        ("columns", ">i2"),
        ("owner_width", ">i4"),
        ("owner", ">i8"),
        ("day_width", ">i4"),
        ("day", ">i4"),
        ("amount_width", ">i4"),
        ("amount", ">i8"),
    ]
)
DAYS = f"""
    COPY (
        SELECT dense_rank() OVER (ORDER BY o.member_id), o.local_day, sum(o.net)::bigint
        FROM orders o JOIN member m ON m.id = o.member_id AND m.status = 'active'
        WHERE o.counted AND o.paid_at <= %(as_of)s AND o.local_day <= %(day)s
          AND {SAMPLED.replace(":share", "%(share)s").format("o.member_id")}
        GROUP BY o.member_id, o.local_day
        ORDER BY o.member_id, o.local_day
    ) TO STDOUT (FORMAT binary)
"""  # noqa: S608  # constants of this room


def histories(share: float, day: date, as_of: datetime) -> Histories:
    """The purchase days up to `day` of this share of the active members, ordered by their ids."""
    raw = bytearray()
    session = cast(Connection, db.session.connection().connection.driver_connection)
    values = {"share": share, "day": day, "as_of": as_of}
    with session.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        with cursor.copy(DAYS, values) as copy:
            for block in copy:
                raw += block
    count = (len(raw) - HEADER - TRAILER) // RECORD.itemsize
    rows = np.frombuffer(raw, RECORD, count=count, offset=HEADER)
    days = rows["day"].astype(np.int64) + EPOCH
    return Histories.of(rows["owner"].astype(np.int64), days, rows["amount"].astype(np.int64))
