"""The outbox: what must happen after a commit is a row of that commit. Redis only wakes workers.

A task is claimed by an advisory lock of the worker's own connection: when the worker dies, however
it dies, PostgreSQL frees the lock and another worker takes the task at once. No lease to tune.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base, db
from crm.ids import uuid7

MOST_ATTEMPTS = 8
DONE_KEPT = timedelta(days=14)
ADVANCING = 7_301_112  # advisory lock: somebody is moving the sandbox clock


class Task(Base):
    """One thing to do. `key` is unique for life: what is put twice happens once."""

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_open", "queue", "due_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_task_finished", "finished_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    job: Mapped[str]
    queue: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    args: Mapped[list[Any]] = mapped_column(JSONB)
    due_at: Mapped[datetime]
    state: Mapped[str]  # waiting, done, failed
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    finished_at: Mapped[datetime | None]


PUT = text("""
    INSERT INTO task (id, job, queue, key, args, due_at, state)
    VALUES (:id, :job, :queue, :key, CAST(:args AS jsonb), :due_at, 'waiting')
    ON CONFLICT (key) DO NOTHING
""")

CLAIM = text("""
    SELECT id, job, args, attempts FROM task
    WHERE queue = :queue AND state = 'waiting' AND due_at <= :now
    ORDER BY due_at, id LIMIT 50
""")


def put(job: str, queue: str, key: str, args_json: str, due_at: datetime) -> bool:
    """Write a task into the current transaction; False when its key is known already."""
    values = {"id": uuid7(), "job": job, "queue": queue, "key": key, "args": args_json}
    done = db.session.execute(PUT, {**values, "due_at": due_at})
    return bool(done.rowcount)  # type: ignore[attr-defined]


def claim(connection: Connection, queue: str, now: datetime) -> Any | None:
    """The first due task that no other worker holds, locked by `connection`; None if there is none.

    The lock is of the session: it ends with `release` or with the worker.
    """
    for row in connection.execute(CLAIM, {"queue": queue, "now": now}).all():
        locked = connection.execute(
            text("SELECT pg_try_advisory_lock(hashtextextended(:id, 0))"), {"id": str(row.id)}
        ).scalar_one()
        if not locked:
            continue
        fresh = connection.execute(
            text(
                "SELECT attempts FROM task WHERE id = :id AND state = 'waiting' AND due_at <= :now"
            ),
            {"id": row.id, "now": now},
        ).one_or_none()
        if fresh is not None:
            return row
        release(connection, row.id)
    return None


def release(connection: Connection, task_id: UUID) -> None:
    """Give a claimed task free."""
    connection.execute(
        text("SELECT pg_advisory_unlock(hashtextextended(:id, 0))"), {"id": str(task_id)}
    )


def finish(task_id: UUID, now: datetime) -> None:
    """Mark a task done, in the current transaction."""
    db.session.execute(
        text("UPDATE task SET state = 'done', finished_at = :now, error = NULL WHERE id = :id"),
        {"id": task_id, "now": now},
    )


def fail(task_id: UUID, error: str, now: datetime) -> str:
    """Put a failed task back for later, or aside after the last try; returns its state.

    Later means 2, 4, 8 … seconds from `now`, at most five minutes.
    """
    row = db.session.execute(
        text("""
            UPDATE task SET attempts = attempts + 1, error = :error,
                   due_at = :now + least(power(2, attempts + 1), 300) * interval '1 second',
                   state = CASE WHEN attempts + 1 >= :most THEN 'failed' ELSE 'waiting' END,
                   finished_at = CASE WHEN attempts + 1 >= :most THEN CAST(:now AS timestamptz) END
            WHERE id = :id RETURNING state
        """),
        {"id": task_id, "error": error[:2000], "now": now, "most": MOST_ATTEMPTS},
    )
    return row.scalar_one()


def queues_with_work(now: datetime) -> Sequence[str]:
    """The queues that have a task due."""
    found = db.session.scalars(
        text("SELECT DISTINCT queue FROM task WHERE state = 'waiting' AND due_at <= :now"),
        {"now": now},
    )
    return list(found)


def next_due(after: datetime) -> datetime | None:
    """When the first task is due that is not due by `after`."""
    return db.session.scalar(
        text("SELECT min(due_at) FROM task WHERE state = 'waiting' AND due_at > :after"),
        {"after": after},
    )


def purge(before: datetime) -> int:
    """Forget what was done before `before`; failed tasks stay until somebody looked at them."""
    done = db.session.execute(
        text("DELETE FROM task WHERE state = 'done' AND finished_at < :before"), {"before": before}
    )
    return done.rowcount  # type: ignore[attr-defined]


class Schedule(Base):
    """The newest slot of a scheduled job that was put."""

    __tablename__ = "schedule"

    job: Mapped[str] = mapped_column(primary_key=True)
    last_slot: Mapped[datetime]
