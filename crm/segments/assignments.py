"""Giving members their segments: set-based, in small transactions, only those who move."""

from collections.abc import Iterator
from typing import cast
from uuid import UUID

import numpy as np
from psycopg import Connection
from sqlalchemy import text

from crm.db import db
from crm.members import profiles
from crm.segments.features import Population
from crm.segments.hysteresis import COUNTS, DROPPED, Verdict
from crm.segments.segmentation import Segmentation
from crm.segments.vocabulary import CODES

CHUNK = 10_000  # members of one transaction: their rows are locked for a moment only

# Rows of one width without nulls, as `COPY … (FORMAT binary)` takes them: arrays of Python objects
# would cost more than all else that is written.
FIELDS = {  # name: (numpy's type, PostgreSQL's)
    "id": (">u8", "uuid"),
    "code": (">i2", "smallint"),
    "previous": (">i2", "smallint"),
    "settled": (">i2", "smallint"),
    "recency": (">i4", "integer"),
    "frequency": (">i4", "integer"),
    "monetary": (">i8", "bigint"),
    "margin": (">f8", "double precision"),
    "by_refit": ("i1", "boolean"),
    "counts": ("i1", "boolean"),
}
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
RECORD_TYPE = np.dtype(
    [("fields", ">i2")]
    + [
        part
        for name, (kind, _) in FIELDS.items()
        for part in ((f"{name}_width", ">i4"), (name, kind, (2,) if name == "id" else ()))
    ]
)
COLUMNS = ", ".join(f"{name} {kind}" for name, (_, kind) in FIELDS.items())
STAGE = text(
    f"CREATE TEMPORARY TABLE IF NOT EXISTS segment_found ({COLUMNS}) ON COMMIT DELETE ROWS"
)
RECORD = """
    INSERT INTO segment_assignment
        (member_id, run_id, code, previous, recency_days, frequency, monetary, margin, cause,
         standing, decided_by, counted_from)
    SELECT f.id, :run_id, c.names[f.code + 1], c.names[f.previous + 1], nullif(f.recency, -1),
           f.frequency, f.monetary, nullif(f.margin, 'NaN'),
           CASE WHEN f.by_refit THEN 'refit' ELSE 'behaviour' END,
           CASE WHEN f.counts THEN 'counts' ELSE 'waiting' END,
           CASE WHEN f.counts THEN CAST(:run_id AS uuid) END, c.names[f.settled + 1]
    FROM segment_found f CROSS JOIN (SELECT CAST(:names AS text[]) AS names) c
"""
# A second attempt of the same run may find a member elsewhere than the first one did.
AGAIN = """
    ON CONFLICT (member_id, run_id) DO UPDATE SET
        code = excluded.code, recency_days = excluded.recency_days,
        frequency = excluded.frequency, monetary = excluded.monetary, margin = excluded.margin,
        cause = excluded.cause, standing = excluded.standing, decided_by = excluded.decided_by
"""
BEGUN = text("SELECT EXISTS (SELECT FROM segment_assignment WHERE run_id = :run_id)")
MOVED = "SELECT id, (CAST(:names AS text[]))[code + 1] AS code FROM segment_found"
DECIDE = text("""
    UPDATE segment_assignment SET standing = :standing, decided_by = :run_id
    WHERE member_id = ANY (CAST(:ids AS uuid[])) AND standing = 'waiting' AND run_id <> :run_id
""")


def chunks(verdict: Verdict) -> Iterator[Verdict]:
    """The verdict in parts of at most `CHUNK` members."""
    for start in range(0, len(verdict.moved), CHUNK):
        part = slice(start, start + CHUNK)
        yield Verdict(verdict.moved[part], verdict.counts[part], verdict.confirmed[:0])
    for start in range(0, len(verdict.confirmed), CHUNK):
        part = slice(start, start + CHUNK)
        yield Verdict(verdict.moved[:0], verdict.counts[:0], verdict.confirmed[part])


def begun(run_id: UUID) -> bool:
    """Whether an earlier attempt of the run has moved somebody."""
    return db.session.execute(BEGUN, {"run_id": run_id}).scalar_one()


def write(run_id: UUID, found: Segmentation, verdict: Verdict, *, again: bool = True) -> None:
    """Move these members, and keep from where and why, in the current transaction.

    `again`: some may have been moved by an earlier attempt; to look for them takes a third more.
    """
    confirmed = found.people.take(verdict.confirmed)
    _decide(run_id, confirmed.member_ids(), COUNTS)
    people = found.people.take(verdict.moved)
    _decide(run_id, people.take(people.waiting > 0).member_ids(), DROPPED)
    if len(people):
        _stage(people, found, verdict)
        names = {"names": list(CODES)}
        record = text(RECORD + AGAIN if again else RECORD)
        db.session.execute(record, {"run_id": run_id} | names)
        profiles.assign_segments_of(MOVED, names)


def _stage(people: Population, found: Segmentation, verdict: Verdict) -> None:
    """Bring the moves into a table of this transaction."""
    columns = {
        "id": people.ids,
        "code": found.codes[verdict.moved],
        "previous": people.previous,
        "settled": people.settled,
        "recency": people.recency,
        "frequency": people.frequency,
        "monetary": people.monetary,
        "margin": found.margins[verdict.moved].round(6),
        "by_refit": found.by_refit[verdict.moved],
        "counts": verdict.counts,
    }
    rows = np.zeros(len(people), RECORD_TYPE)
    rows["fields"] = len(FIELDS)
    for name, values in columns.items():
        rows[name] = values
        rows[f"{name}_width"] = RECORD_TYPE[name].itemsize
    db.session.execute(STAGE)
    db.session.execute(text("DELETE FROM segment_found"))  # of an outer transaction, if any
    connection = cast(Connection, db.session.connection().connection.driver_connection)
    copying = "COPY segment_found FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(copying) as copy:
        copy.write(HEADER + rows.tobytes() + TRAILER)


def _decide(run_id: UUID, ids: list[UUID], standing: str) -> None:
    if ids:
        db.session.execute(DECIDE, {"run_id": run_id, "ids": ids, "standing": standing})
