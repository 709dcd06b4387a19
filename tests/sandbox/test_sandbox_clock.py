"""The sandbox's clock: forward only, and everything that falls due on the way happens in order."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from api_client import Api
from clocks import set_to
from flask import Flask
from people import make
from sqlalchemy import text

from crm import clock, scheduler, worker
from crm.app import create_app
from crm.db import db
from crm.outbox import ADVANCING
from crm.points import check
from crm.queue import JOBS

START = datetime(2026, 11, 22, 4, 2, tzinfo=UTC)
DAY = timedelta(days=1)
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def member(committed):
    set_to(START)
    return make(joined=START - DAY)


def move(api: Api, at: datetime) -> Any:
    return api.post("/sandbox/clock", {"now": at.isoformat()})


def order(member_id, at: datetime, amount: int, **changes: Any) -> dict[str, Any]:
    line = {"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": amount}
    return {
        "member": {"id": str(member_id)}, "status": "paid", "placed_at": at.isoformat(),
        "updated_at": at.isoformat(), "currency": "CNY", "lines": [line],
    } | changes  # fmt: skip


def entries(api: Api, member_id) -> list[tuple[str, int, datetime]]:
    found = api.get(f"/members/{member_id}/points/entries").get_json()["data"]
    return [
        (one["kind"], one["points"], datetime.fromisoformat(one["occurred_at"]))
        for one in reversed(found)
    ]


def points(api: Api, member_id) -> tuple[int, int, int]:
    found = api.get(f"/members/{member_id}/points").get_json()
    return found["available"], found["pending"], found["debt"]


def test_time_runs_until_it_is_moved_and_stands_since(admin):
    running = admin.get("/sandbox/clock").get_json()
    assert running["standing"] is False
    assert abs(datetime.fromisoformat(running["now"]) - datetime.now(UTC)) < timedelta(minutes=1)
    target = datetime.now(UTC).replace(microsecond=0) + DAY
    answer = move(admin, target)
    assert answer.status_code == 200, answer.data
    moved = answer.get_json()
    assert (datetime.fromisoformat(moved["now"]), moved["standing"]) == (target, True)
    assert datetime.fromisoformat(admin.get("/sandbox/clock").get_json()["now"]) == target
    assert clock.now() == target


def test_time_goes_forward_only(admin, member):
    assert move(admin, START + DAY).status_code == 200
    answer = move(admin, START)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "clock_goes_forward")
    assert clock.now() == START + DAY
    assert move(admin, START + DAY).status_code == 200  # it is there already


def test_time_moves_by_five_years_at_once_at_most(admin, member):
    answer = move(admin, START + timedelta(days=366 * 5 + 1))
    assert (answer.status_code, answer.get_json()["code"]) == (422, "clock_too_far")
    assert clock.now() == START


def test_pending_points_become_available_and_lapse_when_their_time_comes(admin, member):
    admin.put("/orders/web/A1", order(member, START, 30000))
    assert points(admin, member) == (0, 300, 0)
    ran = move(admin, START + 15 * DAY).get_json()["ran"]
    assert points(admin, member) == (300, 0, 0)
    assert "points.release" not in ran  # its next slot is three minutes later
    assert move(admin, START + 16 * DAY).get_json()["ran"]["points.release"] == 1
    ran = move(admin, START + 400 * DAY).get_json()["ran"]
    assert ran["points.expire"] == 1
    assert points(admin, member) == (0, 0, 0)
    midnight = datetime(2027, 12, 7, 16, 0, tzinfo=UTC)
    assert entries(admin, member)[1:] == [("expire", -300, midnight)]
    assert not check.run()


def test_what_falls_due_on_one_move_happens_in_the_order_of_time(admin, member):
    admin.put("/orders/web/A0", order(member, START - 60 * DAY, 30000))
    spent = {"member": {"id": str(member)}, "points": 300, "reference": "till"}
    assert admin.post("/points/redemptions", spent).status_code == 201
    refund = {"refunded_at": START.isoformat(), "amount": 30000}
    assert admin.put("/orders/web/A0/refunds/R", refund).get_json()["debt"] == 300
    admin.put("/orders/web/A1", order(member, START, 20000))
    admin.put("/orders/web/A2", order(member, START + timedelta(minutes=1), 25000))
    ran = move(admin, START + 500 * DAY).get_json()["ran"]
    assert ran["points.release"] >= 1
    assert points(admin, member) == (0, 0, 0)
    told = entries(admin, member)
    kinds = [kind for kind, _, _ in told]
    assert kinds == ["earn", "redeem", "clawback", "earn", "earn", "absorb", "absorb", "expire"]
    release, lapse = told[-2][2], told[-1][2]
    assert START + 15 * DAY <= release <= START + 15 * DAY + timedelta(minutes=5)
    assert told[-1][1] == -150  # the debt was paid before the rest lapsed
    assert lapse == datetime(2027, 12, 7, 16, 0, tzinfo=UTC)
    assert not check.run()


def test_a_tier_ends_when_its_time_has_come(admin, member):
    admin.put("/orders/web/A1", order(member, START, 150000))
    reached = admin.get(f"/members/{member}/tier").get_json()
    move(admin, START + 300 * DAY)
    kept = admin.get(f"/members/{member}/tier").get_json()
    assert kept["tier"]["code"] == reached["tier"]["code"]
    ran = move(admin, START + 400 * DAY).get_json()["ran"]
    assert ran["tiers.review"] >= 1
    fallen = admin.get(f"/members/{member}/tier").get_json()
    assert fallen["tier"]["code"] != reached["tier"]["code"]


def test_every_slot_runs_at_its_own_instant(admin, member):
    admin.put("/orders/web/A1", order(member, START, 30000))
    move(admin, START + 400 * DAY)
    tasks = db.session.execute(
        text("SELECT job, state, due_at, finished_at FROM task WHERE job LIKE 'points.%'")
    ).all()
    assert {task.job for task in tasks} == {"points.release", "points.expire"}
    for task in tasks:
        assert (task.state, task.finished_at) == ("done", task.due_at)


def test_a_slot_that_was_run_on_the_way_is_not_run_again(admin, member):
    admin.put("/orders/web/A1", order(member, START, 30000))
    move(admin, START + 16 * DAY)
    again = move(admin, START + 16 * DAY).get_json()["ran"]
    assert again == {}


def test_moving_a_year_of_nothing_takes_no_time(admin, member):
    ran = move(admin, START + 365 * DAY).get_json()["ran"]
    assert sum(ran.values()) < 20, ran


def test_every_scheduled_job_says_when_it_has_work():
    silent = [job.name for job in JOBS.values() if job.every and job.due_from is None]
    assert silent == [], "moving the sandbox clock would run these at every slot"


def test_two_who_move_the_clock_never_move_it_back(app, admin, member):
    admin.put("/orders/web/A1", order(member, START, 30000))
    targets = [START + days * DAY for days in (400, 20, 300, 10)]
    start = Barrier(len(targets))
    seen: list[datetime] = []

    def ask(target: datetime) -> Any:
        api = Api(app.test_client(), admin.key)
        start.wait()
        answer = move(api, target)
        if answer.status_code == 200:
            seen.append(datetime.fromisoformat(answer.get_json()["now"]))
        return answer

    with ThreadPoolExecutor(len(targets)) as pool:
        answers = list(pool.map(ask, targets))
    for answer in answers:
        assert answer.status_code in (200, 409, 422), answer.data
        if answer.status_code != 200:
            assert answer.get_json()["code"] in ("clock_goes_forward", "clock_moving")
    assert clock.now() == max(targets)
    assert [kind for kind, _, _ in entries(admin, member)] == ["earn", "expire"]
    assert not check.run()


def test_workers_leave_the_work_to_who_moves_the_clock(app, admin, member):
    with db.engines["autocommit"].connect() as mover:
        mover.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVANCING})
        assert worker.drain_unless_advancing("default") == 0
        scheduler._beat(0)
        assert db.session.scalar(text("SELECT count(*) FROM schedule")) == 0
        mover.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVANCING})


def test_a_key_without_the_scope_moves_nothing(api_with, member):
    answer = move(api_with("points:write"), START + DAY)
    assert (answer.status_code, answer.get_json()["needs"]) == (403, "sandbox:manage")
    assert clock.now() == START


@pytest.fixture
def production(settings, committed) -> Flask:
    """The application outside sandbox mode."""
    return create_app(replace(settings, sandbox=False))


def test_in_production_there_is_no_such_address(production, admin):
    api = Api(production.test_client(), admin.key)
    for answer in (api.get("/sandbox/clock"), move(api, START)):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    paths = production.test_client().get("/api/v1/openapi.json").get_json()["paths"]
    assert not [path for path in paths if "sandbox" in path]


def test_in_production_a_clock_that_was_moved_is_not_looked_at(production, admin, member):
    with production.app_context():
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
