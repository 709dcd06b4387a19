"""Tasks: put once, done by one at a time, tried again later, never lost."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from crm import outbox, worker
from crm.clock import system_now
from crm.db import db, transaction
from crm.queue import JOBS, Job

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def calls() -> list:
    """What the test's job was called with."""
    return []


@pytest.fixture
def job(calls):
    """A job that notes its argument, and fails at the words "fail" and "stop"."""
    name = f"test.{uuid4().hex[:8]}"

    def note(word: str) -> None:
        calls.append(word)
        if word == "fail":
            raise ValueError("as it was told to")

    JOBS[name] = Job(name, note, "default", None, "latest", None)
    yield JOBS[name]
    del JOBS[name]


def put(job: Job, word: str, key: str | None = None, due_at: datetime | None = None) -> bool:
    with transaction():
        due = due_at or system_now()
        return outbox.put(job.name, job.queue, key or uuid4().hex, f'["{word}"]', due)


def tasks() -> list[tuple[str, int, str | None]]:
    rows = db.session.execute(text("SELECT state, attempts, error FROM task ORDER BY due_at, id"))
    found = [tuple(row) for row in rows]
    db.session.rollback()
    return found


def claim(connection, now: datetime):
    return outbox.claim(connection, "default", now)


@pytest.fixture
def lines(app):
    """Two connections, as two workers have them."""
    engine = db.engines["autocommit"]
    with engine.connect() as one, engine.connect() as other:
        yield one, other
        for line in (one, other):
            if not line.invalidated:
                line.execute(text("SELECT pg_advisory_unlock_all()"))


def test_a_task_is_done_once_and_kept_as_done(job, calls):
    put(job, "hello")
    assert worker.drain("default") == 1
    assert calls == ["hello"]
    assert tasks() == [("done", 0, None)]
    assert worker.drain("default") == 0


def test_what_is_put_twice_under_a_key_happens_once(job, calls):
    assert put(job, "first", key="k") is True
    assert put(job, "second", key="k") is False
    worker.drain("default")
    assert put(job, "third", key="k") is False
    worker.drain("default")
    assert calls == ["first"]


def fail_after_putting(job: Job) -> None:
    with transaction():
        job.put("never", key="never")
        raise ValueError


def test_a_task_of_a_transaction_that_failed_was_never_there(job, calls):
    with pytest.raises(ValueError):
        fail_after_putting(job)
    worker.drain("default")
    assert (calls, tasks()) == ([], [])


def test_the_earliest_due_is_done_first_and_nothing_before_it_is_due(job, calls):
    now = system_now()
    put(job, "late", due_at=now - timedelta(seconds=1))
    put(job, "future", due_at=now + timedelta(hours=1))
    put(job, "early", due_at=now - timedelta(seconds=9))
    worker.drain("default")
    assert calls == ["early", "late"]


def test_a_failing_task_is_tried_again_later_and_put_aside_in_the_end(job, calls, stand_at):
    now = NOW
    stand_at(now)
    put(job, "fail", due_at=now)
    waits = []
    for _ in range(outbox.MOST_ATTEMPTS):
        assert worker.drain("default") == 1
        due = db.session.scalar(text("SELECT due_at FROM task"))
        waits.append((due - now).total_seconds())
        now = max(due, now)
        stand_at(now)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256]
    assert tasks() == [("failed", outbox.MOST_ATTEMPTS, "ValueError: as it was told to")]
    stand_at(now + timedelta(days=1))
    assert worker.drain("default") == 0
    assert len(calls) == outbox.MOST_ATTEMPTS


def test_a_failing_task_does_not_hold_up_the_others(job, calls):
    put(job, "fail")
    put(job, "next")
    assert worker.drain("default") == 2
    assert calls == ["fail", "next"]
    assert [state for state, _, _ in tasks()] == ["done", "waiting"]


def test_what_a_failing_job_had_written_and_not_committed_is_gone(job):
    def write(word: str) -> None:
        db.session.execute(text("INSERT INTO installation VALUES ('half', '1')"))
        raise ValueError(word)

    JOBS[job.name] = Job(job.name, write, "default", None, "latest", None)
    put(job, "x")
    worker.drain("default")
    assert db.session.scalar(text("SELECT count(*) FROM installation")) == 0
    assert tasks()[0][:2] == ("waiting", 1)


def test_a_task_of_a_job_that_this_program_does_not_know_waits_for_one_that_does(job):
    put(Job("test.unknown", print, "default", None, "latest", None), "x")
    worker.drain("default")
    state, attempts, error = tasks()[0]
    assert (state, attempts) == ("waiting", 1)
    assert "test.unknown" in (error or "")


def test_two_workers_never_hold_the_same_task(job, lines):
    put(job, "a")
    put(job, "b")
    now = system_now()
    one, other = claim(lines[0], now), claim(lines[1], now)
    assert one.id != other.id
    assert claim(lines[0], now) is None or claim(lines[0], now).id == one.id


def test_a_task_is_free_again_when_its_worker_is_gone(job, lines):
    put(job, "a")
    now = system_now()
    held = claim(lines[0], now)
    assert claim(lines[1], now) is None
    backend = lines[0].execute(text("SELECT pg_backend_pid()")).scalar()
    lines[1].execute(text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": backend})
    lines[0].invalidate()
    assert claim(lines[1], now).id == held.id


def test_a_task_that_was_done_meanwhile_is_not_claimed(job, lines):
    put(job, "a")
    now = system_now()
    held = claim(lines[0], now)
    with transaction():
        outbox.finish(held.id, now)
    outbox.release(lines[0], held.id)
    assert claim(lines[1], now) is None


def test_what_was_done_is_forgotten_in_time_and_what_failed_is_not(job):
    put(job, "old")
    worker.drain("default")
    put(job, "fail")
    with transaction():
        db.session.execute(text("UPDATE task SET state = 'failed' WHERE state = 'waiting'"))
        db.session.execute(text("UPDATE task SET finished_at = :at"), {"at": NOW})
    with transaction():
        assert outbox.purge(NOW) == 0
        assert outbox.purge(NOW + timedelta(seconds=1)) == 1
    assert [state for state, _, _ in tasks()] == ["failed"]
