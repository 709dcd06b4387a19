"""Killed at any point, nothing is lost and nothing happens twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from clocks import set_to
from processes import NOBODY, scalar, until
from sqlalchemy import text

from crm import outbox
from crm.clock import system_now
from crm.db import db, transaction
from crm.points import check
from crm.queue import JOBS


def put_three_steps(member: UUID, folder: Path) -> None:
    with transaction():
        args = f'["{member}", "{folder}"]'
        outbox.put("test.three_steps", "default", uuid4().hex, args, system_now())


def points(member: UUID) -> list[str]:
    found = db.session.scalars(
        text("SELECT source_id FROM points_entry WHERE member_id = :m ORDER BY seq"), {"m": member}
    )
    sources = [source.rpartition(":")[2] for source in found]
    db.session.rollback()
    return sources


def begun(what: str) -> int:
    return int(scalar("SELECT value FROM installation WHERE key = :k", k=what) or 0)


def put(word: str) -> None:
    """A small task that counts how often it is begun, due after those that are there."""
    with transaction():
        due = system_now() + timedelta(microseconds=1)
        outbox.put("test.one_step", "default", word, f'["{word}"]', due)


def state() -> str:
    return scalar("SELECT state FROM task WHERE job = 'test.three_steps'")


def test_a_worker_killed_in_a_job_leaves_it_to_another_and_its_effects_happen_once(
    process, person, tmp_path
):
    member = person()
    put_three_steps(member, tmp_path)
    workers = [process("-m", "fault_worker", "worker", REDIS_URL=NOBODY) for _ in range(2)]
    until((tmp_path / "step 3").exists)
    busy = int((tmp_path / "step 3").read_text())
    put("other")
    until(lambda: begun("other") == 1)  # by the worker that is free; the task is not given to it
    assert points(member) == ["1", "2"]
    assert [begun(f"step {step}") for step in (1, 2, 3)] == [1, 1, 1]

    next(worker for worker in workers if worker.popen.pid == busy).kill()
    (tmp_path / "go on").touch()
    until(lambda: state() == "done")
    assert points(member) == ["1", "2", "3"]
    assert [begun(f"step {step}") for step in (1, 2, 3)] == [2, 2, 2]
    assert scalar("SELECT attempts FROM task WHERE job = 'test.three_steps'") == 0
    assert not check.run()


def test_a_worker_that_is_told_to_stop_ends_what_it_has_in_hand_and_begins_no_more(
    process, person, tmp_path
):
    member = person()
    put_three_steps(member, tmp_path)
    put("next")
    worker = process("-m", "fault_worker", "worker", REDIS_URL=NOBODY)
    until((tmp_path / "step 3").exists)
    worker.popen.terminate()
    (tmp_path / "go on").touch()
    status, written = worker.wait(10)
    assert status == 0, written
    assert "has stopped" in written
    assert state() == "done"
    assert points(member) == ["1", "2", "3"]
    assert scalar("SELECT state FROM task WHERE key = 'next'") == "waiting"


def test_schedulers_side_by_side_put_every_slot_once(process):
    start = datetime(2026, 11, 22, 4, 1, tzinfo=UTC)
    set_to(start)
    schedulers = [process("-m", "crm", "scheduler", REDIS_URL=NOBODY) for _ in range(2)]
    until(lambda: scalar("SELECT count(*) FROM schedule WHERE job = 'points.release'"))
    slots = "SELECT count(*) FROM task WHERE job = 'points.release'"
    for number, minute in enumerate((6, 11, 16), start=1):
        set_to(start.replace(minute=minute))
        until(lambda number=number: scalar(slots) == number)
    ends = [scheduler.terminate(5) for scheduler in schedulers]
    assert [status for status, _ in ends] == [0, 0], ends
    put = db.session.execute(
        text("SELECT job, args ->> 0 AS slot, count(*) FROM task GROUP BY 1, 2")
    ).all()
    assert {row.count for row in put} == {1}
    expected = {f"2026-11-22T04:{minute:02}:00+00:00" for minute in (5, 10, 15)}
    assert {row.slot for row in put if row.job == "points.release"} == expected


@pytest.mark.parametrize("name", ["points.release", "points.expire", "tiers.review"])
def test_the_jobs_that_move_members_are_scheduled(name):
    assert JOBS[name].every
