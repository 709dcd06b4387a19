"""Redis only wakes workers: without it everything goes on, a little later."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from api_client import Api
from flask import Flask
from processes import NOBODY, scalar, until
from redis import Redis
from sqlalchemy import text

from crm import outbox
from crm.auth import keys
from crm.clock import system_now
from crm.db import db, transaction
from crm.http.permissions import PERMISSIONS
from crm.http.principal import SYSTEM
from crm.points import check
from crm.queue import wake
from crm.worker import IDLE_SECONDS

ORDER = {
    "status": "paid", "placed_at": "2026-10-01T02:00:00Z", "updated_at": "2026-10-01T02:00:00Z",
    "currency": "CNY",
    "lines": [{"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": 25000}],
}  # fmt: skip


@pytest.fixture
def api(without_redis: Flask) -> Api:
    """The API without Redis."""
    with transaction():
        _, secret = keys.create(
            "tests", list(PERMISSIONS), by=SYSTEM, now=system_now(), kind="live"
        )
    return Api(without_redis.test_client(), secret)


def put(name: str, *args: str) -> None:
    """A task in the outbox that nobody is told of."""
    with transaction():
        parts = ", ".join(f'"{arg}"' for arg in args)
        outbox.put(name, "default", uuid4().hex, f"[{parts}]", system_now())


def runs(key: str) -> int:
    return int(scalar("SELECT value FROM installation WHERE key = :key", key=key) or 0)


def test_reads_and_points_writes_go_on_and_at_once(api: Api, person: Callable):
    member = person()
    started = time.monotonic()
    who = {"member": {"id": str(member)}}
    award = who | {"activity": "custom", "source_key": "s", "points": 500}
    assert api.post("/points/awards", award).status_code == 201
    spend = who | {"points": 100, "reference": "till"}
    assert api.post("/points/redemptions", spend).status_code == 201
    assert api.put("/orders/web/A1", ORDER | who).status_code == 200
    assert api.get(f"/members/{member}/points").get_json()["available"] == 650
    assert api.get("/tiers").status_code == 200
    assert time.monotonic() - started < 5
    assert not check.run()


def test_a_task_is_kept_although_nobody_can_be_woken(api: Api):
    answer = api.post("/segmentation-runs", {})
    assert answer.status_code == 202, answer.data
    assert scalar("SELECT count(*) FROM task WHERE state = 'waiting'") == 1


def test_ready_means_ready_and_redis_is_said_to_be_degraded(api: Api):
    answer = api.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "redis": "degraded",
    }


def test_a_worker_looks_for_work_by_itself_and_stops_when_it_is_told_to(process):
    put("test.one_step", "before")
    worker = process("-m", "fault_worker", "worker", REDIS_URL=NOBODY)
    until(lambda: runs("before") == 1)
    put("test.one_step", "after")
    until(lambda: runs("after") == 1, seconds=10)
    status, written = worker.terminate(5)
    assert status == 0, written
    assert "has stopped" in written


def test_a_worker_that_loses_redis_goes_on_and_uses_it_again_no_more_than_needed(
    process, own_valkey
):
    address, stop_valkey = own_valkey
    worker = process("-m", "fault_worker", "worker", REDIS_URL=address)
    redis = Redis.from_url(address)
    until(lambda: redis.smembers("rq:workers"))
    put("test.one_step", "nobody was told")
    assert runs("nobody was told") == 0
    stop_valkey()
    until(lambda: runs("nobody was told") == 1, seconds=10)
    status, written = worker.terminate(5)
    assert status == 0, written


def test_what_was_put_before_redis_forgot_everything_still_runs(process, own_valkey):
    address, _ = own_valkey
    redis = Redis.from_url(address)
    put("test.one_step", "forgotten")
    redis.rpush("rq:queue:default", "a wake-up")
    redis.flushall()
    worker = process("-m", "fault_worker", "worker", REDIS_URL=address)
    until(lambda: runs("forgotten") == 1)
    until(lambda: redis.smembers("rq:workers"))
    redis.flushall()  # and once more under the idle worker
    with transaction():
        db.session.execute(text("UPDATE task SET state = 'waiting', attempts = 0"))
    status, written = worker.terminate(5)
    assert status == 0, written


def test_an_idle_worker_is_woken_at_once(process, own_valkey, app, monkeypatch):
    address, _ = own_valkey
    process("-m", "fault_worker", "worker", REDIS_URL=address)
    redis = Redis.from_url(address)
    until(lambda: redis.smembers("rq:workers"))
    put("test.one_step", "woken")
    monkeypatch.setitem(app.extensions, "redis", redis)
    wake("default")
    until(lambda: runs("woken") == 1, seconds=IDLE_SECONDS - 3, every=0.01)
