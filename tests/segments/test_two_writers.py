"""Moves are written by two sessions; however one of them ends, the run is completed once."""

from datetime import datetime
from itertools import count
from uuid import UUID

import pytest
from purchases import lively_shop
from sqlalchemy import text

from crm.db import db, transaction
from crm.segments import assignments, jobs, runs, work

pytestmark = pytest.mark.usefixtures("committed")


def request(now: datetime) -> UUID:
    with transaction():
        lively_shop(now, size=300)
        run = jobs.queue_run(now, {"bootstraps": 2}, now=now)
    assert run is not None
    return run.id


def written() -> tuple[int, int, int]:
    """Moves, members who moved, and members who are where a move says."""
    query = text("""
        SELECT count(*), count(DISTINCT member_id), count(*) FILTER (WHERE m.segment = a.code)
        FROM segment_assignment a JOIN member m ON m.id = a.member_id
    """)
    moves, members, right = db.session.execute(query).one()
    db.session.rollback()
    return moves, members, right


def failing_from(number: int):
    """`assignments.write` that does no more than so many parts."""
    calls, write = count(), assignments.write

    def fails(*args, **options) -> None:
        if next(calls) >= number:
            raise ConnectionError("away")
        write(*args, **options)

    return fails


@pytest.mark.parametrize("parts", [0, 1, 4, 12])
def test_what_an_attempt_left_undone_is_done_by_the_next(parts, now, monkeypatch):
    run_id = request(now)
    monkeypatch.setattr(assignments, "CHUNK", 50)
    with monkeypatch.context() as broken:
        broken.setattr(assignments, "write", failing_from(parts))
        with pytest.raises(ConnectionError):
            work.perform(run_id)
    assert runs.get(run_id).state == "failed"
    assert written()[0] < 620
    work.perform(run_id)
    assert runs.get(run_id).state == "done"
    assert written() == (620, 620, 620)


def test_a_run_that_is_cancelled_while_it_writes_leaves_nothing(now, monkeypatch):
    run_id = request(now)
    monkeypatch.setattr(assignments, "CHUNK", 50)
    tell = work._written

    def cancelled(*told) -> None:
        with transaction():
            jobs.cancel_run(run_id, now=now)
        tell(*told)

    monkeypatch.setattr(work, "_written", cancelled)
    work.perform(run_id)
    assert runs.get(run_id).state == "cancelled"
    assert written() == (0, 0, 0)
    members = db.session.execute(text("SELECT count(segment) FROM member")).scalar_one()
    assert members == 0
