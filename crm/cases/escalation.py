"""Overdue cases are announced: once each time that a due date passes, in the case's history."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db

ANNOUNCE = text("""
    WITH late AS MATERIALIZED (
        SELECT id FROM member_case
        WHERE state <> 'closed' AND due_at <= :now AND overdue_at IS NULL
        ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    ), marked AS (
        UPDATE member_case c SET overdue_at = :now FROM late WHERE c.id = late.id
        RETURNING c.id, c.member_id, c.due_at, c.owner_id
    ), told AS (
        INSERT INTO member_case_event (id, case_id, member_id, at, kind, changes, actor)
        SELECT uuidv7(), id, member_id, :now, 'overdue',
               jsonb_build_object('due_at', jsonb_build_array(due_at, due_at)), 'system'
        FROM marked
    )
    SELECT id, due_at FROM marked
""")
NEXT = text("""
    SELECT min(due_at) FROM member_case WHERE state <> 'closed' AND overdue_at IS NULL
""")


def announce(now: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """Mark at most `limit` cases that became overdue, and say so in their history; their ids, and
    when they were due."""
    rows = db.session.execute(ANNOUNCE, {"now": now, "limit": limit})
    return [(row.id, row.due_at) for row in rows]


def next_due() -> datetime | None:
    """When the next case becomes overdue."""
    return db.session.scalar(NEXT)
