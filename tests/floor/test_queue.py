"""Wake-ups: sent after the commit, and worth nothing but time."""

import json
import zlib

import pytest
from redis import Redis

from crm import worker
from crm.db import transaction
from crm.queue import JOBS, WAKE, Job, wake

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def redis(app, own_valkey, monkeypatch) -> Redis:
    """A Redis that nobody else uses."""
    client = Redis.from_url(own_valkey[0])
    monkeypatch.setitem(app.extensions, "redis", client)
    return client


@pytest.fixture
def job():
    JOBS["test.queue"] = Job("test.queue", lambda word: None, "default", None, "latest", None)
    yield JOBS["test.queue"]
    del JOBS["test.queue"]


def waiting(redis: Redis) -> int:
    return redis.llen("rq:queue:default")


def test_a_worker_is_woken_after_the_commit_and_not_before(redis, job):
    with transaction():
        assert job.put("x", key="k1")
        assert waiting(redis) == 0
    assert waiting(redis) == 1
    number = redis.lrange("rq:queue:default", 0, 0)[0].decode()
    said = zlib.decompress(redis.hget(f"rq:job:{number}", "data"))
    assert json.loads(said)[0] == WAKE


def test_nobody_is_woken_for_what_was_put_before(redis, job):
    with transaction():
        job.put("x", key="k1")
    with transaction():
        assert job.put("x", key="k1") is False
    assert waiting(redis) == 1


def test_nobody_is_woken_for_what_was_rolled_back(redis, job):
    def fail() -> None:
        with transaction():
            job.put("x", key="k1")
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert waiting(redis) == 0


def test_a_wake_up_drains_the_queue(redis, job):
    with transaction():
        job.put("x", key="k1")
    assert worker.wake("default") == 1
    assert worker.wake("default") == 0


def test_a_wake_up_that_took_long_leaves_the_rest_to_the_next(redis, job, monkeypatch):
    monkeypatch.setattr(worker, "AWAKE_SECONDS", 0)
    with transaction():
        for number in range(3):
            job.put("x", key=f"k{number}")
    redis.flushdb()
    assert worker.wake("default") == 1
    assert waiting(redis) == 1
    assert [worker.wake("default") for _ in range(3)] == [1, 1, 0]


def test_nothing_breaks_a_task_off(redis):
    wake("default")
    number = redis.lrange("rq:queue:default", 0, 0)[0].decode()
    assert redis.hget(f"rq:job:{number}", "timeout") == b"-1"


def test_a_wake_up_that_nobody_takes_goes_away_by_itself(redis):
    wake("default")
    number = redis.lrange("rq:queue:default", 0, 0)[0].decode()
    assert 0 < redis.ttl(f"rq:job:{number}") <= 120
