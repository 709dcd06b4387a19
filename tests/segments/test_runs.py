"""A run is queued, done by a worker, and told; a killed one is completed and counts once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from purchases import buy, lively_shop, new_members
from sqlalchemy import func, select, text

from crm import worker
from crm.db import db, transaction
from crm.outbox import Task
from crm.sandbox.advance import next_slot
from crm.segments import assignments, hysteresis, jobs, runs, work
from crm.segments.errors import AsOfInTheFuture, NoNumberOfClusters, RunNotFound
from crm.segments.models import SegmentAssignment, SegmentationRun

DAY = timedelta(days=1)
QUICK = {"bootstraps": 3}


@pytest.fixture(autouse=True)
def standing_clock(now):
    """Time stands at `now`, as in a sandbox whose clock was moved."""
    stand_at(now)


def stand_at(instant) -> None:
    with transaction():
        db.session.execute(text("DELETE FROM sandbox_clock"))
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": instant})


def request(now, as_of=None, kind="score", **parameters) -> UUID:
    with transaction():
        run = jobs.queue_run(as_of, QUICK | parameters, asked=kind, now=now)
        assert run is not None
        return run.id


def done(now, as_of=None, kind="score", **parameters) -> SegmentationRun:
    run_id = request(now, as_of, kind, **parameters)
    work.perform(run_id)
    return runs.get(run_id)


def work_off() -> None:
    """What a worker does with the tasks that wait; its own connection would not see this test."""
    for task in db.session.scalars(select(Task).where(Task.state == "waiting")).all():
        worker.run(task.id, task.job, task.args)


def segments() -> dict:
    """Members by their current segment."""
    query = text("SELECT coalesce(segment, '-'), count(*) FROM member GROUP BY 1")
    return dict(map(tuple, db.session.execute(query)))


def history(member: UUID) -> list:
    """(code, previous) of a member, oldest first."""
    query = select(SegmentAssignment.code, SegmentAssignment.previous)
    query = query.where(SegmentAssignment.member_id == member).order_by(SegmentAssignment.run_id)
    return [tuple(row) for row in db.session.execute(query)]


def test_a_request_is_a_row_and_a_task_and_changes_nobody(now):
    new_members(2)
    run = runs.get(request(now))
    assert (run.state, run.progress, run.as_of) == ("queued", 0, now)
    task = db.session.scalar(select(Task).where(Task.job == "segments.run"))
    assert task is not None
    assert task.args == [str(run.id)]
    assert segments() == {"-": 2}


def test_a_worker_does_the_run_and_members_have_their_segments(now):
    lively_shop(now)
    run_id = request(now)
    work_off()
    run = runs.get(run_id)
    assert (run.state, run.progress, run.method, run.applied) == ("done", 1, "kmeans", True)
    found = {row["code"]: row["members"] for row in run.sizes or [] if row["members"]}
    assert segments() == found
    assert found["prospects"] == 20
    assert runs.current_id() == run_id


def test_a_shop_without_members_has_a_run_and_an_empty_result(now):
    run = done(now)
    assert (run.state, run.method, run.reason) == ("done", "rules", "few_repeat_buyers")
    assert sum(row["members"] for row in run.sizes or []) == 0


def test_only_those_who_move_are_written_down(now):
    ids = lively_shop(now)
    done(now)
    first, again = done(now), done(now)
    count = select(func.count()).select_from(SegmentAssignment)
    assert db.session.scalar(count) == len(ids)
    assert again.result_hash == first.result_hash
    assert again.input_hash == first.input_hash
    assert {(move["from"] == move["to"]) for move in again.movement or []} == {True}


def test_a_first_purchase_moves_a_member_from_prospect_to_new(now):
    (member,) = new_members(1)
    done(now)
    buy([(member, now, 500)], now=now)
    run = done(now)
    assert history(member) == [("prospects", None), ("new_customers", "prospects")]
    (move,) = run.movement or []
    assert (move["from"], move["to"]) == ("prospects", "new_customers")
    assert (move["members"], move["behaviour"], move["refit"]) == (1, 1, 0)


def test_time_alone_cools_a_one_time_buyer(now):
    (member,) = new_members(1)
    buy([(member, now, 500)], now=now)
    for days in (0, 61, 181):
        stand_at(now + days * DAY)
        done(now + days * DAY)
    assert [code for code, _ in history(member)] == ["new_customers", "cooling", "lost"]


def test_an_earlier_instant_is_told_but_never_overwrites_a_later_one(now):
    (member,) = new_members(1)
    buy([(member, now - 100 * DAY, 500)], now=now)
    latest = done(now)
    past = done(now, as_of=now - 90 * DAY)
    assert (past.state, past.applied) == ("done", False)
    assert [row["code"] for row in past.sizes or [] if row["members"]] == ["new_customers"]
    assert runs.current_id() == latest.id
    assert segments() == {"cooling": 1}


def test_a_finished_run_is_not_done_twice(now):
    new_members(3)
    run = done(now)
    buy([(new_members(1)[0], now, 500)], now=now)
    work.perform(run.id)
    assert runs.get(run.id).result_hash == run.result_hash
    assert segments() == {"prospects": 3, "-": 1}


def test_the_number_of_clusters_is_remembered_for_the_next_refit(now):
    lively_shop(now)
    first = done(now)
    assert first.parameters["previous_k"] is None
    assert done(now, kind="refit").parameters["previous_k"] == (first.quality or {})["k"]


def test_a_failing_run_says_why_and_is_tried_again(now):
    new_members(3)
    run_id = request(now)
    with transaction():
        db.session.execute(text("ALTER TABLE segment_assignment RENAME TO lost"))
    work_off()
    run = runs.get(run_id)
    assert run.state == "failed"
    assert "segment_assignment" in (run.error or "")
    with transaction():
        db.session.execute(text("ALTER TABLE lost RENAME TO segment_assignment"))
    work.perform(run_id)
    assert (runs.get(run_id).state, runs.get(run_id).error) == ("done", None)
    assert segments() == {"prospects": 3}


def test_a_run_killed_while_it_writes_is_completed_and_told_once(now, monkeypatch):
    ids = lively_shop(now, size=300)
    monkeypatch.setattr(assignments, "CHUNK", 200)
    run_id = request(now)
    with work.alone():
        with transaction():
            run = runs.start(run_id, now=now)
        assert run is not None
        found = work.find(run)
        with transaction():
            verdict = hysteresis.judge(found, 0.1)
            assignments.write(run_id, found, next(assignments.chunks(verdict)))
    assert segments()["-"] == len(ids) - 200  # and here the worker dies
    work.perform(run_id)
    run = runs.get(run_id)
    assert run.state == "done"
    assert {row["code"]: row["members"] for row in run.sizes or [] if row["members"]} == segments()
    assert all(len(history(member)) == 1 for member in ids)


def test_a_night_has_one_run_however_often_its_slot_comes(now):
    new_members(1)
    for _ in range(2):
        jobs.daily("2026-11-22T18:30:00+00:00")
    assert db.session.scalar(select(func.count()).select_from(SegmentationRun)) == 1
    jobs.daily("2026-11-23T18:30:00+00:00")
    assert db.session.scalar(select(func.count()).select_from(SegmentationRun)) == 2


def test_nights_without_news_can_be_passed_over_for_four_weeks(now):
    assert jobs.next_change(now) == now
    (member,) = new_members(1)
    done(now)
    stand_at(now + DAY)
    assert jobs.next_change(now + DAY) == now + 28 * DAY
    night = next_slot(jobs.daily, now + DAY, now + 60 * DAY)
    assert night == datetime(2026, 12, 20, 18, 30, tzinfo=UTC)
    buy([(member, now + DAY, 500)], now=now + DAY)
    assert jobs.next_change(now + DAY) == now + DAY
    assert next_slot(jobs.daily, now + DAY, now + 60 * DAY) == night - 27 * DAY


def test_a_run_can_not_look_ahead(now):
    with pytest.raises(AsOfInTheFuture):
        runs.request(now + DAY, {}, by="test", now=now)


def test_the_fewest_clusters_can_not_be_more_than_the_most(now):
    with pytest.raises(NoNumberOfClusters):
        runs.request(None, {"min_k": 5, "max_k": 4}, by="test", now=now)


def test_an_unknown_run_is_not_found(now):
    with pytest.raises(RunNotFound):
        runs.get(UUID(int=1))
