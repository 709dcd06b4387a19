"""Runs can be ended before their time and taken back afterwards; members are as before."""

from datetime import timedelta
from uuid import UUID

import pytest
from purchases import buy, lively_shop, new_members
from sqlalchemy import select, text

from crm.db import db, transaction
from crm.outbox import Task
from crm.segments import assignments, cancelling, hysteresis, jobs, rollback, runs, work
from crm.segments.errors import RunGoingOn, RunIsOver, RunNotFound, RunNotInForce
from crm.segments.models import SegmentAssignment, SegmentationRun

DAY = timedelta(days=1)
STATE = text("SELECT id, segment FROM member ORDER BY id")
ROWS = text("SELECT * FROM segment_assignment ORDER BY member_id, run_id")


@pytest.fixture(autouse=True)
def standing_clock(now):
    """Time stands at `now`, as in a sandbox whose clock was moved."""
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})


def request(now, as_of=None, kind="score") -> UUID:
    with transaction():
        run = jobs.queue_run(as_of, {"bootstraps": 3}, asked=kind, now=now)
        assert run is not None
        return run.id


def done(now, kind="score") -> SegmentationRun:
    run_id = request(now, None, kind)
    work.perform(run_id)
    return runs.get(run_id)


def everything() -> tuple[list, list]:
    """Everybody's segment, and all that is kept of how it came about."""
    return db.session.execute(STATE).all(), db.session.execute(ROWS).all()


def cancel(run_id: UUID, now) -> SegmentationRun:
    with transaction():
        return cancelling.request(run_id, now=now)


def take_back(run_id: UUID, now) -> None:
    with transaction():
        rollback.request(run_id, now=now)
    work.roll_back()


def spend(ids, now) -> None:
    """Some of the shop's members do what brings them elsewhere."""
    buy([(member, now, 900_000) for member in ids[-150:]], now=now)


def test_a_run_that_waits_is_cancelled_at_once_and_never_done(now):
    new_members(2)
    run_id = request(now)
    assert cancel(run_id, now).state == "cancelled"
    work.perform(run_id)
    assert runs.get(run_id).state == "cancelled"
    assert everything()[1] == []
    assert runs.current() is None


def test_a_run_that_works_stops_at_its_next_step(now):
    lively_shop(now)
    run_id = request(now)
    with transaction():
        runs.start(run_id, now=now)
    assert cancel(run_id, now).state == "running"
    before = everything()
    work.perform(run_id)
    run = runs.get(run_id)
    assert (run.state, run.applied) == ("cancelled", False)
    assert everything() == before


def test_a_search_for_groups_hears_that_it_should_end(now):
    lively_shop(now)
    run_id = request(now)
    with transaction():
        runs.start(run_id, now=now)
    tell = work._teller(run_id)
    tell(0.5)
    assert runs.get(run_id).progress == pytest.approx(0.4)
    cancel(run_id, now)
    with pytest.raises(runs.Cancelled):
        tell(0.9)


def test_what_a_cancelled_run_has_written_is_taken_back(now, monkeypatch):
    ids = lively_shop(now, size=300)
    done(now)
    spend(ids, now)
    before = everything()
    monkeypatch.setattr(assignments, "CHUNK", 100)
    run_id = request(now)
    with work.alone():
        with transaction():
            run = runs.start(run_id, now=now)
        assert run is not None
        found = work.find(run)
        verdict = hysteresis.judge(found, 0.1)
        with transaction():
            assignments.write(run_id, found, next(assignments.chunks(verdict)))
    assert everything() != before
    cancel(run_id, now)
    work.perform(run_id)
    assert runs.get(run_id).state == "cancelled"
    assert everything() == before


def test_cancelling_again_changes_nothing_and_what_is_over_can_not_be_cancelled(now):
    run_id = request(now)
    assert cancel(run_id, now).state == cancel(run_id, now).state == "cancelled"
    finished = done(now)
    with pytest.raises(RunIsOver):
        cancel(finished.id, now)
    with pytest.raises(RunNotFound):
        cancel(UUID(int=1), now)


def test_a_run_that_is_taken_back_leaves_everything_as_before(now):
    ids = lively_shop(now)
    first = done(now)
    before = everything()
    spend(ids, now)
    second = done(now)
    assert everything() != before
    take_back(second.id, now)
    assert everything() == before
    run = runs.get(second.id)
    assert run.rolled_back_at is not None
    assert run.movement, "what it found stays with it"
    assert runs.current_id() == first.id


def test_a_run_is_taken_back_with_all_that_came_after_it(now, monkeypatch):
    monkeypatch.setattr(rollback, "CHUNK", 40)
    ids = lively_shop(now, size=300)
    done(now)
    before = everything()
    spend(ids, now)
    second = done(now, kind="refit")
    buy([(member, now, 100) for member in ids[:50]], now=now)
    third = done(now)
    take_back(second.id, now)
    assert everything() == before
    assert runs.get(third.id).rolled_back_at is not None


def test_the_next_run_goes_by_the_model_from_before(now):
    lively_shop(now)
    first = done(now)
    second = done(now, kind="refit")
    assert done(now).model_id == second.id
    take_back(second.id, now)
    assert done(now).model_id == first.id


def test_the_first_run_can_be_taken_back_too(now):
    new_members(3)
    run = done(now)
    take_back(run.id, now)
    assert {row.segment for row in everything()[0]} == {None}
    assert everything()[1] == []
    assert runs.current() is None
    assert done(now).kind_reason == "first"


def test_a_move_that_a_run_taken_back_had_settled_waits_again(now):
    lively_shop(now)
    done(now)
    member = db.session.execute(ROWS).first().member_id  # type: ignore[union-attr]
    db.session.execute(
        text("""
            UPDATE segment_assignment SET standing = 'waiting', decided_by = NULL,
                counted_from = 'at_risk' WHERE member_id = :member
        """),
        {"member": member},
    )
    db.session.commit()
    before = everything()
    agreed = done(now)
    query = select(SegmentAssignment).where(SegmentAssignment.member_id == member)
    row = db.session.scalars(query.execution_options(populate_existing=True)).one()
    assert (row.standing, row.decided_by) == ("counts", agreed.id)
    take_back(agreed.id, now)
    assert everything() == before


def test_a_killed_taking_back_is_completed_by_whoever_comes_next(now, monkeypatch):
    monkeypatch.setattr(rollback, "CHUNK", 100)
    ids = lively_shop(now, size=300)
    done(now)
    before = everything()
    spend(ids, now)
    second = done(now)
    with transaction():
        rollback.request(second.id, now=now)
    with transaction():
        assert rollback.part([second.id]) == 100  # and here the worker dies
    run_id = request(now - 100 * DAY, now - 100 * DAY)  # a run for reading only moves nobody
    work.perform(run_id)
    assert everything()[0] == before[0]
    assert runs.get(second.id).rolled_back_at is not None


def test_only_a_run_in_force_can_be_taken_back_and_only_once(now):
    new_members(2)
    done(now)
    past = request(now, now - DAY)
    work.perform(past)
    with pytest.raises(RunNotInForce):
        take_back(past, now)
    run = done(now)
    take_back(run.id, now)
    with pytest.raises(RunNotInForce):
        take_back(run.id, now)


def test_nothing_is_taken_back_while_a_run_is_going_on(now):
    run = done(now)
    request(now)
    with pytest.raises(RunGoingOn):
        take_back(run.id, now)


def test_taking_back_is_a_call_and_a_task(admin, now):
    new_members(2)
    run = done(now)
    answer = admin.post(f"/segmentation-runs/{run.id}/rollback")
    assert answer.status_code == 202, answer.json
    assert answer.json["rollback_requested_at"] is not None
    assert admin.get("/segments").json["run"] is None, "out of force at once"
    task = db.session.scalar(select(Task).where(Task.job == "segments.roll_back"))
    assert task is not None
    work.roll_back()
    assert admin.get(f"/segmentation-runs/{run.id}").json["rolled_back_at"] is not None
    again = admin.post(f"/segmentation-runs/{run.id}/rollback")
    assert (again.status_code, again.json["code"]) == (409, "segmentation_run_not_in_force")


def test_cancelling_is_a_call(admin, now):
    asked = admin.post("/segmentation-runs").json
    answer = admin.post(f"/segmentation-runs/{asked['id']}/cancel")
    assert (answer.status_code, answer.json["state"]) == (202, "cancelled")
    finished = done(now)
    over = admin.post(f"/segmentation-runs/{finished.id}/cancel")
    assert (over.status_code, over.json["code"]) == (409, "segmentation_run_is_over")


def test_both_are_in_the_audit_trail(admin, now):
    asked = admin.post("/segmentation-runs").json
    admin.post(f"/segmentation-runs/{asked['id']}/cancel")
    finished = done(now)
    admin.post(f"/segmentation-runs/{finished.id}/rollback")
    query = "SELECT action FROM audit_entry WHERE action LIKE 'segmentation%' ORDER BY id"
    assert db.session.scalars(text(query)).all() == [
        "segmentation_run.request",
        "segmentation_run.cancel",
        "segmentation_run.request",
        "segmentation_run.roll_back",
    ]
