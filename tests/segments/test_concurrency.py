"""Two runs at once: one after the other, and the later instant has the last word."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from purchases import buy, lively_shop
from sqlalchemy import text

from crm.db import db, transaction
from crm.segments import jobs, runs, work

pytestmark = pytest.mark.usefixtures("committed")


def current_segments() -> dict[str, int]:
    query = text("SELECT segment, count(*) FROM member GROUP BY segment")
    return dict(map(tuple, db.session.execute(query)))


def test_runs_at_once_leave_the_segments_of_the_later_instant(app, now):
    with transaction():
        ids = lively_shop(now, size=300)
        buy([(ids[-1], now - timedelta(hours=1), 500)], now=now)
    instants = [now - timedelta(days=40), now, now - timedelta(days=20)]
    with transaction():
        queued = [
            jobs.queue_run(as_of, {"bootstraps": 2}, key=str(place), now=now)
            for place, as_of in enumerate(instants)
        ]
    run_ids = [run.id for run in queued if run is not None]

    def perform(run_id: UUID) -> None:
        with app.app_context():
            work.perform(run_id)

    threads = [threading.Thread(target=perform, args=(run_id,)) for run_id in run_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        assert {runs.get(run_id).state for run_id in run_ids} == {"done"}
        assert runs.current_id() == run_ids[1]
        latest = runs.get(run_ids[1])
        assert current_segments() == {
            row["code"]: row["members"] for row in latest.sizes or [] if row["members"]
        }


def test_a_run_waits_for_the_one_that_is_writing(app, now):
    with transaction():
        run = jobs.queue_run(now, {}, now=now)
    assert run is not None
    started = threading.Event()

    def perform() -> None:
        started.set()
        with app.app_context():
            work.perform(run.id)

    thread = threading.Thread(target=perform)
    with work.alone():
        thread.start()
        started.wait()
        thread.join(timeout=0.3)
        assert thread.is_alive()
        assert runs.get(run.id).state == "queued"
    thread.join()
    db.session.rollback()
    assert runs.get(run.id).state == "done"
