"""Two schedulers, many workers, one that is killed: each occasion once."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from clocks import set_to
from flask import Flask
from sqlalchemy import text
from travellers import NOON, coupon_template, run_at, switch, traveller

from crm import scheduler, worker
from crm.app import create_app
from crm.campaigns.journeys import due, running, wordings
from crm.campaigns.journeys.directory import JOURNEYS
from crm.campaigns.journeys.jobs import tick
from crm.config import Config
from crm.db import db, transaction
from crm.errors import Invalid
from crm.messages.errors import TemplateInUse
from crm.messages.templates import store
from crm.points import check

pytestmark = pytest.mark.usefixtures("committed")
WORKERS = 4
HOW_MANY = 24


def figures() -> dict[str, int]:
    """How many there are of all that a birthday brings, and of whom."""
    db.session.rollback()
    row = db.session.execute(
        text("""
            SELECT (SELECT count(*) FROM journey_occasion) AS occasions,
                   (SELECT count(*) FROM message) AS messages,
                   (SELECT count(*) FROM coupon WHERE member_id IS NOT NULL) AS coupons,
                   (SELECT count(DISTINCT member_id) FROM coupon) AS holders,
                   (SELECT coalesce(sum(points), 0)::integer FROM points_entry) AS points,
                   (SELECT coalesce(sum(n), 0)::integer FROM journey_count) AS counted
        """)
    ).one()
    return row._asdict()


EVERYBODY = {
    "occasions": HOW_MANY, "messages": HOW_MANY, "coupons": HOW_MANY, "holders": HOW_MANY,
    "points": 5 * HOW_MANY, "counted": HOW_MANY,
}  # fmt: skip


@pytest.fixture
def birthdays(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two dozen members whose birthday it is, and steps of five."""
    monkeypatch.setattr(running, "CHUNK", 5)
    switch("birthday", points=5, coupon_template=str(coupon_template()))
    for _ in range(HOW_MANY):
        traveller(born=(11, 22))


def test_many_workers_at_once_give_each_occasion_once(app: Flask, birthdays: None):
    start = Barrier(WORKERS)

    def work(_: int) -> int:
        with app.app_context():
            start.wait()
            return tick(NOON)

    with ThreadPoolExecutor(WORKERS) as pool:
        handled = list(pool.map(work, range(WORKERS)))
    assert sum(handled) == HOW_MANY
    assert figures() == EVERYBODY
    assert check.run() == []


def test_two_schedulers_put_each_tick_once_and_workers_run_it_once(app: Flask, birthdays: None):
    slot = NOON + timedelta(minutes=5)
    with transaction():
        scheduler.tick(NOON)
    set_to(slot)
    start = Barrier(2)

    def schedule(_: int) -> int:
        with app.app_context():
            start.wait()
            with transaction():
                return scheduler.tick(slot)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(schedule, range(2)))
    tasks = db.session.execute(
        text("SELECT count(*) FROM task WHERE job = 'journeys.tick' AND due_at = :slot"),
        {"slot": slot},
    ).scalar_one()
    db.session.rollback()
    assert tasks == 1

    def work(_: int) -> None:
        with app.app_context():
            worker.drain("default")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert figures() == EVERYBODY


def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_half_and_nothing_twice(
    birthdays: None, settings: Config
):
    for steps in (0, 2):
        child = os.fork()
        if not child:
            _steps_and_dies(settings, steps)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
    half = figures()
    assert half["occasions"] == half["messages"] == half["coupons"] == half["counted"] == 10
    assert half["points"] == 50
    assert run_at(NOON, set_to) == HOW_MANY - 10
    assert figures() == EVERYBODY
    assert check.run() == []


def _steps_and_dies(settings: Config, steps: int) -> None:
    """In a process of its own: so many steps, and death within the last one, before its commit."""
    try:
        with create_app(settings).app_context():
            after = due.NOBODY
            for step in range(steps + 1):
                with transaction():
                    found = running.step("birthday", after, now=NOON)
                    if step == steps:
                        os.kill(os.getpid(), signal.SIGKILL)
                after = found.after or due.NOBODY
    finally:
        os._exit(1)


def test_a_moving_sandbox_runs_birthdays_in_order_on_their_days(admin):
    begin = datetime(2027, 1, 1, 0, 0, tzinfo=UTC)
    set_to(begin)
    switch("birthday", begin, points=7)
    east, west = "Pacific/Kiritimati", "America/New_York"
    born = {traveller(born=(1, day), zone=zone): day for day, zone in ((9, east), (9, west))}
    born[traveller(born=(1, 12))] = 12
    answer = admin.post("/sandbox/clock", {"now": "2027-01-14T00:00:00Z"})
    assert answer.status_code == 200, answer.data
    db.session.rollback()
    rows = db.session.execute(
        text("SELECT member_id, at, created_at FROM journey_occasion ORDER BY at")
    ).all()
    assert [born[row.member_id] for row in rows] == [9, 9, 12]
    assert [row.at for row in rows] == [row.created_at for row in rows]
    assert answer.get_json()["ran"]["journeys.tick"] == 3
    sent = db.session.execute(
        text("SELECT count(*) FROM message WHERE state IN ('sent', 'delivered')")
    ).scalar_one()
    assert sent == 3


@pytest.mark.parametrize("turn", range(4))
def test_a_template_is_archived_or_its_journey_is_switched_on_never_both(app: Flask, turn: int):
    with transaction():
        template = wordings.template_of(JOURNEYS["birthday"], now=NOON)
    start = Barrier(2)

    def archive() -> bool:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    store.change(template, {"archived": True}, now=NOON)
            except TemplateInUse:
                return False
            return True

    def switch_on() -> bool:
        with app.app_context():
            start.wait()
            try:
                switch("birthday", template=str(template))
            except Invalid:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(archive), pool.submit(switch_on)]
        assert [one.result() for one in done].count(True) == 1
    is_on = db.session.scalar(text("SELECT count(*) FROM journey WHERE enabled"))
    archived = db.session.scalar(
        text("SELECT count(*) FROM message_template WHERE archived_at IS NOT NULL")
    )
    db.session.rollback()
    assert (is_on, archived) in ((1, 0), (0, 1))
