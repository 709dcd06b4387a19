"""Many workers and people at once, with real commits: one run, each member once, never too much."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from api_client import Api
from crowds import add_up, arm, crowd, rows
from sqlalchemy import text

from crm.campaigns import jobs, making
from crm.db import db

pytestmark = pytest.mark.usefixtures("committed")
THREADS = 4


@pytest.fixture
def at_once(app) -> Callable[..., list[Any]]:
    """Runs `what()` in several threads, each in a context of its own; what they returned."""

    def run(what: Callable[[], Any]) -> list[Any]:
        start = Barrier(THREADS)

        def one(_: int) -> Any:
            with app.app_context():
                start.wait()
                try:
                    return what()
                finally:
                    db.session.remove()

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(one, range(THREADS)))

    return run


def test_two_launches_at_once_are_one_run(app, admin, campaign, at_once):
    found = campaign(crowd(20), holdout_percent=0)

    def launch():
        return Api(app.test_client(), admin.key).post(f"/campaigns/{found['id']}/launch")

    answers = at_once(launch)
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert {one.get_json().get("code") for one in answers} == {None, "campaign_started"}
    at_once(lambda: jobs.work(found["id"]))
    assert len(rows(found["id"])) == 20
    assert db.session.scalar(text("SELECT count(*) FROM message")) == 20
    launched = text("SELECT count(*) FROM audit_entry WHERE action = 'campaign.launched'")
    assert db.session.scalar(launched) == 1


def test_workers_at_once_make_each_message_once_and_overspend_nothing(
    admin, launched, shown, at_once, coupon_template, monkeypatch
):
    monkeypatch.setattr(making, "MOST_GIFTS", 7)
    pooled, plain = str(coupon_template(value=500)), str(coupon_template(value=1_000))
    admin.post(f"/coupon-templates/{pooled}/codes", {"count": 60})
    found = launched(
        crowd(300), budget=150_000,
        arms=[arm(coupon_template=pooled), arm(coupon_template=plain, points=100, weight=2)],
    )  # fmt: skip
    for _ in range(100):
        at_once(lambda: jobs.work(found["id"]))
        if shown(found["id"])["state"] == "running":
            break
    after = shown(found["id"])
    add_up(after)
    assert after["counters"]["planned"] == 300
    kept = rows(found["id"])
    first = [row for row in kept.values() if row.arm == 1 and row.state == "waiting"]
    second = [row for row in kept.values() if row.arm == 2 and row.state == "waiting"]
    assert len(first) <= 60
    assert after["spent"] == 500 * len(first) + 1_100 * len(second)
    assert 150_000 - 1_100 < after["spent"] <= 150_000
    assert after["counters"]["pending"] == len(first) + len(second)
    codes = [row.variables["coupon"]["code"] for row in (*first, *second)]
    assert len(set(codes)) == len(codes)
    given = db.session.scalar(text("SELECT count(*) FROM coupon WHERE member_id IS NOT NULL"))
    assert given == len(codes)
    assert db.session.scalar(text("SELECT count(*) FROM points_entry")) == len(second)


def test_paused_and_cancelled_while_workers_are_at_it_everybody_is_accounted_for(
    app, admin, launched, shown, at_once, coupon_template, monkeypatch
):
    monkeypatch.setattr(making, "MOST_GIFTS", 5)
    coupon = str(coupon_template(stock=200))
    found = launched(crowd(200), arms=[arm(coupon_template=coupon)])
    path = f"/campaigns/{found['id']}"
    turns = iter(range(THREADS))

    def some() -> None:
        if next(turns) == 0:
            api = Api(app.test_client(), admin.key)
            for act in ("pause", "resume", "cancel"):
                assert api.post(f"{path}/{act}").status_code == 200
                add_up(api.get(path).get_json())
        else:
            jobs.work(found["id"])

    at_once(some)
    jobs.work(found["id"])
    jobs.work(found["id"])
    after = shown(found["id"])
    add_up(after)
    counters = after["counters"]
    assert counters["planned"] == 200 == counters["holdout"] + counters["cancelled"]
    issued = text("SELECT issued, committed FROM coupon_template WHERE id = :id")
    assert db.session.execute(issued, {"id": coupon}).one() == (0, 0)
