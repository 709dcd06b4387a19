"""Redis only wakes workers: without it everything goes on, a little later."""

import time
from collections.abc import Callable

import pytest
from api_client import Api
from flask import Flask
from processes import scalar, until
from redis import Redis

from crm import outbox
from crm.auth import keys
from crm.clock import system_now
from crm.db import transaction
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


def put(word: str) -> None:
    """A task in the outbox that nobody is told of."""
    with transaction():
        outbox.put("test.one_step", "default", word, f'["{word}"]', system_now())


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


def test_a_worker_needs_redis_to_be_quick_and_for_nothing_else(
    process, own_valkey, app, monkeypatch
):
    address, stop_valkey = own_valkey
    redis = Redis.from_url(address)
    monkeypatch.setitem(app.extensions, "redis", redis)
    put("before")
    redis.rpush("rq:queue:default", "a wake-up")
    redis.flushall()  # what was put before Redis forgot everything
    worker = process("-m", "fault_worker", "worker", REDIS_URL=address)
    until(lambda: runs("before") == 1)
    until(lambda: redis.smembers("rq:workers"))

    put("woken")
    wake("default")
    until(lambda: runs("woken") == 1, seconds=IDLE_SECONDS - 3, every=0.01)

    redis.flushall()  # under the idle worker
    put("nobody is told")
    stop_valkey()
    until(lambda: runs("nobody is told") == 1, seconds=IDLE_SECONDS - 3)
    put("after")
    until(lambda: runs("after") == 1, seconds=IDLE_SECONDS - 3)  # looked for every two seconds
    status, written = worker.terminate(5)
    assert status == 0, written
