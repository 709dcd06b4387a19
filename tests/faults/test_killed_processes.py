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


def begun(step: int) -> int:
    return int(scalar("SELECT value FROM installation WHERE key = :k", k=f"begun {step}") or 0)


def state() -> str:
    return scalar("SELECT state FROM task WHERE job = 'test.three_steps'")


def test_a_worker_killed_in_a_job_leaves_it_to_the_next_and_its_effects_happen_once(
    process, person, tmp_path
):
    member = person()
    put_three_steps(member, tmp_path)
    first = process("-m", "fault_worker", "worker", REDIS_URL=NOBODY)
    until((tmp_path / "step 3").exists)
    assert points(member) == ["1", "2"]
    first.kill()
    (tmp_path / "go on").touch()
    process("-m", "fault_worker", "worker", REDIS_URL=NOBODY)
    until(lambda: state() == "done")
    assert points(member) == ["1", "2", "3"]
    assert [begun(step) for step in (1, 2, 3)] == [2, 2, 2]
    assert scalar("SELECT attempts FROM task WHERE job = 'test.three_steps'") == 0
    assert not check.run()


def test_two_workers_never_do_the_same_task_at_a_time(process, person, tmp_path):
    member = person()
    put_three_steps(member, tmp_path)
    workers = [process("-m", "fault_worker", "worker", REDIS_URL=NOBODY) for _ in range(2)]
    until((tmp_path / "step 3").exists)
    put_other = uuid4().hex
    with transaction():
        outbox.put("test.one_step", "default", put_other, f'["{put_other}"]', system_now())
    # the other worker is free for another task meanwhile
    until(lambda: scalar("SELECT value FROM installation WHERE key = :k", k=put_other) == 1)
    (tmp_path / "go on").touch()
    until(lambda: state() == "done")
    assert [begun(step) for step in (1, 2, 3)] == [1, 1, 1]
    assert points(member) == ["1", "2", "3"]
    assert [worker.popen.poll() for worker in workers] == [None, None]


def test_a_worker_that_is_told_to_stop_ends_what_it_has_in_hand(process, person, tmp_path):
    member = person()
    put_three_steps(member, tmp_path)
    with transaction():
        later = system_now() + timedelta(microseconds=1)
        outbox.put("test.one_step", "default", "next", '["next"]', later)
    worker = process("-m", "fault_worker", "worker", REDIS_URL=NOBODY)
    until((tmp_path / "step 3").exists)
    worker.popen.terminate()
    (tmp_path / "go on").touch()
    status, written = worker.wait(10)
    assert status == 0, written
    assert state() == "done"
    assert points(member) == ["1", "2", "3"]
    # and begins nothing new
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
