"""The worker: an RQ worker of one queue that drains the outbox whenever it is woken, or idle."""

import gc
import logging
import signal
import time
from math import inf
from typing import Any

from flask import current_app
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.serializers import JSONSerializer
from sqlalchemy import Connection, text

from crm import clock, outbox, queue
from crm.db import config, db, transaction
from crm.queue import JOBS, connect, stopping

logger = logging.getLogger(__name__)

IDLE_SECONDS = 15  # how long a lost wake-up can go unnoticed by a worker
AWAKE_SECONDS = 45  # of one wake-up; a task that is begun is ended
GARBAGE = 20_000  # new objects between two looks for those that only hold each other
AWAY_SECONDS = 2  # how often work is looked for while Redis is away


def wake(name: str) -> int:
    """The RQ job: drain the queue, for `AWAKE_SECONDS` or so; what is left then is for the next.
    Returns how many tasks were run.

    RQ holds a job that gives no sign of life for longer to be lost.
    """
    return drain_unless_advancing(name, AWAKE_SECONDS)


def drain_unless_advancing(name: str, seconds: float = inf) -> int:
    """Drain, but leave the work to the one who is moving the sandbox clock, if somebody is."""
    if not config().sandbox:
        return drain(name, seconds)
    with db.engines["autocommit"].connect() as connection:
        free = connection.execute(
            text("SELECT pg_try_advisory_lock_shared(:key)"), {"key": outbox.ADVANCING}
        ).scalar_one()
        if not free:
            return 0
        try:
            return drain(name, seconds)
        finally:
            connection.execute(
                text("SELECT pg_advisory_unlock_shared(:key)"), {"key": outbox.ADVANCING}
            )


def drain(name: str, seconds: float = inf) -> int:
    """Run every due task of a queue, oldest first, until none is left or the process is told to
    stop; returns how many. After so many seconds a wake-up is left for whoever goes on."""
    done, until = 0, time.monotonic() + seconds
    with db.engines["autocommit"].connect() as connection:
        while not stopping.is_set() and run_next(connection, name):
            done += 1
            if time.monotonic() >= until:
                queue.wake(name)
                break
    return done


def run_next(connection: Connection, name: str) -> bool:
    """Run one task; False when none is due."""
    now = clock.now()
    db.session.remove()
    row = outbox.claim(connection, name, now)
    if row is None:
        return False
    try:
        run(row.id, row.job, row.args)
    finally:
        outbox.release(connection, row.id)
        db.session.remove()
    return True


def run(task_id: Any, name: str, args: list[Any]) -> None:
    """Run a claimed task and write down what came of it."""
    started = time.perf_counter()
    try:
        JOBS[name](*args)
    except Exception as error:
        # The door of all jobs: whatever went wrong is written to the row and tried again later.
        logger.exception("job %s failed", name)
        db.session.remove()
        with transaction():
            state = outbox.fail(task_id, f"{type(error).__name__}: {error}", clock.now())
        if state == "failed":
            logger.error("job %s given up after %s tries", name, outbox.MOST_ATTEMPTS)
        return
    with transaction():
        outbox.finish(task_id, clock.now())
    logger.info("job %s done in %.0f ms", name, (time.perf_counter() - started) * 1000)


class Worker(SimpleWorker):
    """RQ's worker without a fork per job: what a crash interrupts is a row, not a process tree."""

    waiting = False  # for a wake-up, and so with nothing in hand

    def _install_signal_handlers(self) -> None:
        """`serve` listens to signals itself: also while no RQ worker is at work."""

    def stop(self) -> None:
        """Leave `work()` after what is in hand; called by a signal's handler."""
        self._stop_requested = True
        if self.waiting:
            raise StopRequested()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> Any:
        """The next wake-up, or None when none came in time or Redis went away.

        RQ's own would wait until Redis is back, and nobody would look into the outbox meanwhile.
        """
        self.waiting = True
        try:
            if self._stop_requested:
                raise StopRequested()
            self.heartbeat()
            return self.queue_class.dequeue_any(
                self.queues,
                max_idle_time or timeout,
                connection=self.connection,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        except DequeueTimeout:
            return None
        except RedisError as error:
            logger.warning("Redis went away: %s", error)
            return None
        finally:
            self.waiting = False

    def handle_exception(self, job: Any, *exc_info: Any) -> None:
        """Only a wake-up can fail here, and the next one is at most `IDLE_SECONDS` away."""
        logger.error("a wake-up failed", exc_info=exc_info)  # type: ignore[arg-type]


def serve(name: str) -> None:
    """Work for one queue until the process is told to stop, with Redis or without it."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    connection = connect(config().redis_url, blocking=True)
    wake_ups = Queue(name, connection=connection, serializer=JSONSerializer)
    at_work: list[Worker] = []

    def stop(*_: Any) -> None:
        stopping.set()
        for worker in at_work:
            worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    # What was loaded stays for life; looking through it for garbage took a fifth of the time of
    # delivering mails. A batch makes thousands of objects that are all in use: looking through
    # those after each 700 took a fifteenth.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    logger.info("worker of queue %s is ready", name)
    while not stopping.is_set():
        with app.app_context():
            _drain_safely(name)
        try:
            worker = Worker([wake_ups], connection=connection, serializer=JSONSerializer)
            worker.log_result_lifespan = False
            at_work[:] = [] if stopping.is_set() else [worker]
            if at_work:
                worker.work(max_idle_time=IDLE_SECONDS, logging_level="WARNING")
        except RedisError as error:
            logger.warning("Redis is away (%s); looking for work without it", error)
            stopping.wait(AWAY_SECONDS)
        finally:
            at_work.clear()
    logger.info("worker of queue %s has stopped", name)


def _drain_safely(name: str) -> None:
    try:
        drain_unless_advancing(name)
    except Exception:
        # The database may be restarting; the next round is seconds away.
        logger.exception("could not look for work")
        stopping.wait(1)
