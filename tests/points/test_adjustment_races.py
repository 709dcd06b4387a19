"""Many at once, with real commits: no limit is slipped past, no request is applied twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from adjusting import adjust, asked, someone
from flask import Flask

from crm.auth import approvals
from crm.db import db, transaction
from crm.errors import Refused
from crm.ids import uuid7
from crm.points import adjustments, check

pytestmark = pytest.mark.usefixtures("committed")
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
THREADS = 4


@pytest.fixture
def at_once(app: Flask) -> Callable[..., list[Any]]:
    """Calls `act(number)` for every number, each in a transaction, many at a time; a refusal is
    told by its code."""

    def run(times: int, act: Callable[[int], Any]) -> list[Any]:
        start = Barrier(THREADS)

        def one(number: int) -> Any:
            try:
                with transaction():
                    return act(number)
            except Refused as refused:
                return refused.code
            finally:
                db.session.remove()

        def some(first: int) -> list[Any]:
            with app.app_context():
                start.wait()
                return [one(number) for number in range(first, times, THREADS)]

        with ThreadPoolExecutor(THREADS) as pool:
            return [found for part in pool.map(some, range(THREADS)) for found in part]

    return run


def test_parallel_adjustments_stay_within_the_day(person, at_once, points_of):
    clerk, members = someone("clerk"), [person() for _ in range(4)]

    def act(number: int) -> str:
        done = adjustments.adjust(asked(members[number % 4], 100), by=clerk, now=NOON)
        return "applied" if done.entry else "waits"

    assert Counter(at_once(20, act)) == {"applied": 5, "waits": 15}
    assert sum(points_of(one)["available"] for one in members) == 500
    assert not check.run()


def test_parallel_removals_never_take_more_than_there_is(person, at_once, points_of):
    member = person()
    adjust(member, 1_000, by=someone("admin"), now=NOON)

    def act(number: int) -> str:
        done = adjustments.adjust(asked(member, -100), by=someone("clerk"), now=NOON)
        return "applied" if done.entry else "waits"

    assert Counter(at_once(16, act)) == {"applied": 10, "insufficient_points": 6}
    assert points_of(member)["available"] == 0
    assert not check.run()


def test_of_many_who_decide_at_once_one_wins(person, at_once, points_of):
    member = person()
    ids = [
        adjust(member, 300, by=someone("clerk"), now=NOON).approval.id  # type: ignore[union-attr]
        for _ in range(4)
    ]

    def act(number: int) -> str:
        by, id_ = someone("manager"), ids[number % 4]
        if number % 3:
            return approvals.approve(id_, by=by, now=NOON).state
        return approvals.deny(id_, "no", by=by, now=NOON).state

    said = Counter(at_once(24, act))
    assert said["approval_decided"] == 20
    assert said["approved"] + said["denied"] == 4
    assert points_of(member)["available"] == 300 * said["approved"]
    assert not check.run()


def test_one_approver_stays_within_his_own_day(person, at_once, points_of):
    member, manager = person(), someone("manager")
    ids = [
        adjust(member, 5_000, by=someone("clerk"), now=NOON).approval.id  # type: ignore[union-attr]
        for _ in range(6)
    ]
    said = at_once(6, lambda number: approvals.approve(ids[number], by=manager, now=NOON).state)
    assert Counter(said) == {"approved": 4, "above_own_limit": 2}
    assert points_of(member)["available"] == 20_000


def test_a_form_sent_twice_at_once_adjusts_once(person, at_once, points_of):
    member, clerk, id_ = person(), someone("clerk"), uuid7()

    def act(number: int) -> Any:
        done = adjustments.adjust(asked(member, 50, id=id_), by=clerk, now=NOON)
        assert done.entry is not None
        return done.entry["seq"]

    assert set(at_once(8, act)) == {1}
    assert points_of(member)["available"] == 50
