"""Background jobs over RQ: declared with `@job`, put into the outbox, woken through Redis.

RQ carries only the wake-up ("queue X has work"); what to do and whether it is done stands in
PostgreSQL. So Redis may be flushed, stopped or restarted, and the only cost is a little delay.
"""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import redis
from flask import current_app
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from crm import clock, outbox
from crm.db import after_commit

logger = logging.getLogger(__name__)

QUEUES = ("default",)
WAKE = "crm.worker.wake"

stopping = threading.Event()  # the process was told to stop: what is begun is ended, no more


@dataclass(frozen=True)
class Job:
    """A function that workers run. `every` is a cron line in UTC; its slots are tasks of their own.

    `catch_up`: after downtime run "all" slots missed, or only the "latest".
    `due_from(now)`: the next instant at which the job has work (None: not before something
    happens); the sandbox uses it to pass over empty slots (`never_on_the_way` for jobs that only
    look or only forget).
    """

    name: str
    function: Callable[..., Any]
    queue: str
    every: str | None
    catch_up: Literal["latest", "all"]
    due_from: Callable[[datetime], datetime | None] | None

    def __call__(self, *args: Any) -> Any:
        """Run it now; the slot of a scheduled job may come as the text that its task keeps."""
        if self.every is not None and isinstance(args[0], str):
            return self.function(datetime.fromisoformat(args[0]))
        return self.function(*args)

    def put(self, *args: Any, key: str, due_at: datetime | None = None) -> bool:
        """Write the task with the current transaction; wake a worker once that is durable.

        Returns False when `key` was put before: it happens once.
        """
        due = due_at or clock.now()
        new = outbox.put(self.name, self.queue, key, json.dumps(args), due)
        if new:
            after_commit(partial(wake, self.queue))
        return new


JOBS: dict[str, Job] = {}


def never_on_the_way(now: datetime) -> datetime | None:
    """`due_from` of jobs that change nothing anybody can see: a moving sandbox passes them over."""
    return None


def job(
    name: str,
    *,
    queue: str = "default",
    every: str | None = None,
    catch_up: Literal["latest", "all"] = "latest",
    due_from: Callable[[datetime], datetime | None] | None = None,
) -> Callable[[Callable[..., Any]], Job]:
    """Declare a job. Scheduled ones take the slot (aware datetime); others the args they were put
    with. A job opens its own small transactions and may be run again: it must be idempotent.
    """
    assert queue in QUEUES, queue

    def declare(function: Callable[..., Any]) -> Job:
        assert name not in JOBS, name
        JOBS[name] = Job(name, function, queue, every, catch_up, due_from)
        return JOBS[name]

    return declare


def connect(url: str, *, blocking: bool = False) -> redis.Redis:
    """A Redis client. Blocking clients wait for half a minute at most, should Redis hang without
    closing the connection; others give up in a second."""
    timeout = 30 if blocking else 1
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=1)


def wake(name: str) -> None:
    """Tell the workers of a queue that there is work. Losing this costs delay, nothing else.

    Without a time limit of RQ's: it would break off whatever task is at work when it strikes, such
    as in the middle of a mail.
    """
    queue = Queue(name, connection=current_app.extensions["redis"], serializer=JSONSerializer)
    try:
        queue.enqueue(WAKE, args=(name,), job_timeout=-1, result_ttl=0, failure_ttl=60, ttl=120)
    except RedisError as error:
        logger.warning("no wake-up for queue %s: %s", name, error)
