"""Two runs at once: one after the other, and the later instant has the last word."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from purchases import buy, lively_shop, new_members
from sqlalchemy import text

from crm.db import db, transaction
from crm.orders import checking
from crm.segments import jobs, runs, work
from crm.segments.errors import RunIsOver

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


def test_a_run_that_is_cancelled_while_it_works_has_happened_wholly_or_not_at_all(app, now):
    with transaction():
        lively_shop(now, size=300)
        run = jobs.queue_run(now, {"bootstraps": 2}, now=now)
    assert run is not None
    begun = threading.Event()

    def perform() -> None:
        with app.app_context():
            begun.set()
            work.perform(run.id)

    thread = threading.Thread(target=perform)
    thread.start()
    begun.wait()
    try:
        with transaction():
            jobs.cancel_run(run.id, now=now)
    except RunIsOver:
        db.session.rollback()
    thread.join()
    db.session.rollback()
    found = runs.get(run.id)
    assert found.state in ("cancelled", "done")
    rows = db.session.execute(text("SELECT count(*) FROM segment_assignment")).scalar_one()
    members = db.session.execute(text("SELECT count(segment) FROM member")).scalar_one()
    assert (rows, members) == ((620, 620) if found.state == "done" else (0, 0))


def test_aggregates_are_put_right_after_an_order_that_is_being_written(app, now):
    with transaction():
        (member, *_) = new_members(1)
        buy([(member, now - timedelta(days=3), 500)], now=now)
    with transaction():
        db.session.execute(text("UPDATE purchase_summary SET monetary = 7"))
    found = checking.look(None)
    db.session.rollback()
    assert found.wrong == [member]
    done = threading.Event()

    def repair() -> None:
        with app.app_context(), transaction():
            checking.repair(found, now)
        done.set()

    thread = threading.Thread(target=repair)
    with transaction():
        buy([(member, now - timedelta(days=1), 900)], now=now)  # holds the member's row
        thread.start()
        assert not done.wait(0.2)
    thread.join()
    assert checking.look(None).wrong == []
    row = db.session.execute(text("SELECT orders, monetary FROM purchase_summary")).one()
    assert tuple(row) == (2, 1_400)
