"""Slots: each once, whoever ticks; those that were missed are caught up."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from clocks import set_to
from redis import Redis
from sqlalchemy import text

from crm import scheduler, worker
from crm.db import db, transaction
from crm.queue import JOBS, Job

NOW = datetime(2026, 11, 22, 4, 2, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def hourly(catch_up="latest", every="0 * * * *") -> Job:
    return Job("test.hourly", lambda slot: None, "default", every, catch_up, None)


def at(hour: int, minute: int = 0, day: int = 22) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_the_newest_of_the_slots_that_were_missed_is_enough():
    assert scheduler.slots(hourly(), at(0), at(5, 30)) == [at(5)]


def test_all_of_the_slots_that_were_missed_are_found_in_order():
    found = scheduler.slots(hourly("all"), at(0), at(5, 30))
    assert found == [at(hour) for hour in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("catch_up", ["latest", "all"])
def test_a_slot_belongs_to_the_instant_that_it_names(catch_up):
    job = hourly(catch_up)
    assert scheduler.slots(job, at(3), at(4)) == [at(4)]
    assert scheduler.slots(job, at(4), at(4)) == []
    assert scheduler.slots(job, at(4), at(4, 59)) == []
    assert scheduler.slots(job, at(3), at(4) - timedelta(microseconds=1)) == []


def test_after_a_very_long_stop_the_oldest_slots_come_first_and_not_all_at_once():
    found = scheduler.slots(hourly("all"), at(0, day=1), at(0, day=22))
    assert len(found) == scheduler.MOST_CAUGHT_UP
    assert found[0] == at(1, day=1)


@pytest.fixture
def job():
    """One more job with slots of its own."""
    JOBS["test.hourly"] = hourly("all")
    yield JOBS["test.hourly"]
    del JOBS["test.hourly"]


def put() -> list[datetime]:
    rows = db.session.scalars(
        text("SELECT due_at FROM task WHERE job = 'test.hourly' ORDER BY due_at")
    )
    found = list(rows)
    db.session.rollback()
    return found


def tick(now: datetime) -> None:
    with transaction():
        scheduler.tick(now)


def test_a_job_that_was_never_seen_begins_now(job):
    tick(at(4, 30))
    assert put() == []
    tick(at(7, 10))
    assert put() == [at(5), at(6), at(7)]


def test_a_stop_of_all_schedulers_loses_no_slot(job):
    for now in (at(4, 30), at(5, 1), at(9, 1), at(9, 2)):
        tick(now)
    assert put() == [at(hour) for hour in (5, 6, 7, 8, 9)]


def test_a_tick_that_failed_is_made_good_by_the_next(job):
    tick(at(4, 30))

    def fail() -> None:
        with transaction():
            scheduler.tick(at(5, 1))
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert put() == []
    tick(at(5, 1))
    assert put() == [at(5)]


def test_time_that_goes_back_puts_nothing_again(job):
    for now in (at(4, 30), at(6, 1), at(5, 1), at(6, 1)):
        tick(now)
    assert put() == [at(5), at(6)]


def test_many_who_tick_at_once_put_every_slot_once(app, committed, job):
    tick(at(0, 30))
    start = Barrier(6)

    def run(_: int) -> int:
        with app.app_context():
            start.wait()
            with transaction():
                return scheduler.tick(at(9, 1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(6)))
    assert put() == [at(hour) for hour in range(1, 10)]


def test_a_scheduled_job_is_handed_its_slot_as_a_time(app, committed):
    seen = []
    JOBS["test.hourly"] = Job("test.hourly", seen.append, "default", "0 * * * *", "all", None)
    try:
        set_to(at(4, 30))
        tick(at(4, 30))
        set_to(at(6, 30))
        tick(at(6, 30))
        worker.drain("default")
    finally:
        del JOBS["test.hourly"]
    assert seen == [at(5), at(6)]


def test_a_beat_wakes_the_queues_that_have_work(app, committed, own_valkey, monkeypatch):
    redis = Redis.from_url(own_valkey[0])
    monkeypatch.setitem(app.extensions, "redis", redis)
    set_to(NOW)
    scheduler._beat(0)  # the slots of jobs that run every minute
    with transaction():
        db.session.execute(text("UPDATE task SET state = 'done', finished_at = :now"), {"now": NOW})
    redis.flushall()
    scheduler._beat(0)
    assert redis.llen("rq:queue:default") == 0
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO task (id, job, queue, key, args, due_at, state)
                VALUES (uuidv7(), 'x', 'default', 'k', '[]', '2026-11-22T04:00Z', 'waiting')
            """)
        )
    scheduler._beat(1)
    assert redis.llen("rq:queue:default") == 0
    scheduler._beat(scheduler.WAKE_EVERY)
    assert redis.llen("rq:queue:default") == 1


@pytest.mark.parametrize("name", sorted(name for name, job in JOBS.items() if job.every))
def test_every_scheduled_job_has_a_cron_line_that_comes_round_within_a_month(name):
    job = JOBS[name]
    assert scheduler.slots(job, NOW - timedelta(days=31), NOW), job.every
