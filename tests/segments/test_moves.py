"""Moves that may be acted on, as the database tells them: clear ones, confirmed ones, once."""

from datetime import timedelta

import pytest
from purchases import buy, lively_shop, new_members
from sqlalchemy import text

from crm.db import db, transaction
from crm.segments import jobs, runs, work
from crm.segments.models import SegmentationRun

DAY = timedelta(days=1)
MOVES = text("""
    SELECT from_code, to_code FROM segment_move WHERE member_id = :member ORDER BY decided_by
""")


@pytest.fixture(autouse=True)
def standing_clock(now):
    """Time stands at `now`, as in a sandbox whose clock was moved."""
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})


def done(now, kind="score") -> SegmentationRun:
    with transaction():
        run = jobs.queue_run(None, {"bootstraps": 3}, asked=kind, now=now)
        assert run is not None
    work.perform(run.id)
    return runs.get(run.id)


def moves(member) -> list[tuple]:
    return [tuple(row) for row in db.session.execute(MOVES, {"member": member})]


def near_the_border(member, code: str) -> None:
    """As if the last run had put the member into the segment with hardly any margin."""
    db.session.execute(
        text("""
            UPDATE segment_assignment SET standing = 'waiting', decided_by = NULL, margin = 0.01,
                previous = :code, counted_from = :code
            WHERE member_id = :member AND run_id = (
                SELECT max(run_id::text)::uuid FROM segment_assignment WHERE member_id = :member)
        """),
        {"member": member, "code": code},
    )
    db.session.commit()


def test_a_first_segment_and_a_first_purchase_may_be_acted_on(now):
    (member,) = new_members(1)
    done(now)
    buy([(member, now, 900)], now=now)
    done(now)
    assert moves(member) == [(None, "prospects"), ("prospects", "new_customers")]


def test_a_move_near_the_border_may_be_acted_on_when_the_next_run_agrees(now):
    member = lively_shop(now)[0]
    done(now)
    near_the_border(member, "loyal")
    assert moves(member) == []
    agreed = done(now)
    assert moves(member) == [("loyal", "champions")]
    row = db.session.execute(
        text("SELECT run_id, decided_by FROM segment_assignment WHERE member_id = :member"),
        {"member": member},
    ).one()
    assert row.decided_by == agreed.id != row.run_id


def test_a_run_that_is_not_done_has_moved_nobody_yet(now):
    (member,) = new_members(1)
    run = done(now)
    db.session.execute(text("UPDATE segmentation_run SET state = 'running'"))
    assert moves(member) == []
    db.session.execute(text("UPDATE segmentation_run SET state = 'done'"))
    assert moves(member) == [(None, "prospects")]
    assert run.applied


def test_nightly_runs_go_by_the_model_and_say_so(now):
    lively_shop(now)
    first = done(now)
    assert (first.kind, first.kind_reason, first.model_id) == ("refit", "first", first.id)
    with transaction():
        jobs.queue_run(None, {}, key="night", now=now)
    run_id = db.session.scalar(text("SELECT id FROM segmentation_run WHERE state = 'queued'"))
    work.perform(run_id)
    daily = runs.get(run_id)
    assert (daily.kind, daily.kind_reason, daily.model_id) == ("score", "daily", first.id)
    assert daily.model is None
    assert daily.centroids == first.centroids
    assert (daily.quality or {})["psi"]["most"] == pytest.approx(0, abs=1e-6)
    assert (daily.quality or {})["k"] == (first.quality or {})["k"]


def test_who_gives_parameters_has_a_refit(now):
    lively_shop(now)
    done(now)
    with transaction():
        run = jobs.queue_run(None, {"bootstraps": 3, "max_k": 4}, now=now)
    assert run is not None
    assert run.asked == "refit"
    work.perform(run.id)
    assert (runs.get(run.id).kind, runs.get(run.id).kind_reason) == ("refit", "asked")


def test_a_past_instant_is_scored_by_the_model_that_was_in_force_then(now):
    lively_shop(now)
    first = done(now - DAY)
    done(now, kind="refit")
    with transaction():
        run = jobs.queue_run(now - DAY / 2, {}, asked="score", now=now)
    assert run is not None
    work.perform(run.id)
    found = runs.get(run.id)
    assert (found.kind, found.model_id, found.applied) == ("score", first.id, False)
