"""Taking runs back: members have the segments again that they had before, and the model too.

A run is taken back with all that came after it, because those went by what it had left. Its rows
are deleted in small transactions; what it found stays with the run.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from crm.db import db
from crm.members import profiles
from crm.segments import runs
from crm.segments.errors import RunGoingOn, RunNotInForce
from crm.segments.models import SegmentationRun

CHUNK = 5000  # members of one transaction

# The first of the runs that moved a member knows where he was before all of them.
BEFORE = text("""
    SELECT DISTINCT ON (a.member_id) a.member_id, a.previous
    FROM segment_assignment a JOIN (
        SELECT DISTINCT member_id FROM segment_assignment
        WHERE run_id = ANY (CAST(:runs AS uuid[])) ORDER BY member_id LIMIT :most
    ) m ON m.member_id = a.member_id
    WHERE a.run_id = ANY (CAST(:runs AS uuid[]))
    ORDER BY a.member_id, a.run_id
""")
FORGET = text("""
    DELETE FROM segment_assignment
    WHERE run_id = ANY (CAST(:runs AS uuid[])) AND member_id = ANY (CAST(:members AS uuid[]))
""")
WAIT_AGAIN = text("""
    UPDATE segment_assignment SET standing = 'waiting', decided_by = NULL
    WHERE decided_by = ANY (CAST(:runs AS uuid[])) AND NOT run_id = ANY (CAST(:runs AS uuid[]))
""")


def request(run_id: UUID, *, now: datetime) -> SegmentationRun:
    """Take a run out of force, with all after it; `part` by part does the rest.

    Raises `RunNotFound`, `RunNotInForce`, `RunGoingOn`.
    """
    run = runs.locked(run_id)
    if not run.applied or run.state != "done" or run.rollback_requested_at is not None:
        raise RunNotInForce()
    if db.session.scalar(select(SegmentationRun.id).where(runs.GOING_ON).limit(1)):
        raise RunGoingOn()
    _mark(run_id, now)
    return run


def _mark(run_id: UUID, now: datetime) -> None:
    query = select(SegmentationRun).where(
        SegmentationRun.applied,
        SegmentationRun.id >= run_id,
        SegmentationRun.rollback_requested_at.is_(None),
    )
    for run in db.session.scalars(query):
        run.rollback_requested_at = now


def pending(now: datetime) -> list[UUID]:
    """The runs that are out of force and not yet taken back, ascending.

    Whatever came after one of them in the meantime goes out of force too.
    """
    query = (
        select(SegmentationRun.id)
        .where(
            SegmentationRun.rollback_requested_at.is_not(None),
            SegmentationRun.rolled_back_at.is_(None),
        )
        .order_by(SegmentationRun.id)
    )
    found = list(db.session.scalars(query))
    if not found:
        return []
    _mark(found[0], now)
    db.session.flush()
    return list(db.session.scalars(query))


def part(run_ids: Sequence[UUID]) -> int:
    """Take back some members' moves by these runs; returns how many, 0 when none are left.

    In the current transaction; however often it is interrupted, the next call goes on.
    """
    rows = db.session.execute(BEFORE, {"runs": list(run_ids), "most": CHUNK}).all()
    if not rows:
        db.session.execute(WAIT_AGAIN, {"runs": list(run_ids)})
        return 0
    members = [row.member_id for row in rows]
    profiles.assign_segments(members, [row.previous for row in rows])
    db.session.execute(FORGET, {"runs": list(run_ids), "members": members})
    return len(rows)


def finish(run_ids: Sequence[UUID], *, now: datetime) -> None:
    """Everything is as before these runs."""
    query = select(SegmentationRun).where(SegmentationRun.id.in_(run_ids))
    for run in db.session.scalars(query):
        run.rolled_back_at = now
