"""The scheduler: puts the slots that fall due into the outbox, and wakes queues that have work.

Any number may run: a slot's key is unique, so each is put once. After downtime the slots that were
missed are found from the last one that was put.
"""

import json
import logging
import signal
import threading
from datetime import UTC, datetime, timedelta

from croniter import croniter
from sqlalchemy import text

from crm import clock, outbox
from crm.config import Config
from crm.db import config, db, transaction
from crm.outbox import ADVANCING
from crm.queue import JOBS, Job, wake

logger = logging.getLogger(__name__)

TICK_SECONDS = 1
WAKE_EVERY = 5  # ticks
MOST_CAUGHT_UP = 400


def slots(job: Job, after: datetime, until: datetime) -> list[datetime]:
    """The job's slots in (after, until], oldest first; only the newest where that is enough."""
    assert job.every is not None
    newest = croniter(job.every, until + timedelta(microseconds=1)).get_prev(datetime)
    if newest <= after:
        return []
    if job.catch_up == "latest":
        return [newest.astimezone(UTC)]
    found, steps = [], croniter(job.every, after)
    while len(found) < MOST_CAUGHT_UP:
        slot = steps.get_next(datetime)
        if slot > until:
            break
        found.append(slot.astimezone(UTC))
    return found


def put_slot(job: Job, slot: datetime) -> bool:
    """Put one slot into the outbox, in the current transaction; False when it is there already."""
    key = f"slot:{job.name}:{slot:%Y-%m-%dT%H:%MZ}"
    new = outbox.put(job.name, job.queue, key, json.dumps([slot.isoformat()]), slot)
    _note(job, slot)
    return new


def _note(job: Job, slot: datetime) -> None:
    """Write down up to when the job's slots were put."""
    db.session.execute(
        text("""
            INSERT INTO schedule (job, last_slot) VALUES (:job, :slot)
            ON CONFLICT (job) DO UPDATE SET last_slot = excluded.last_slot
            WHERE schedule.last_slot < excluded.last_slot
        """),
        {"job": job.name, "slot": slot},
    )


def last_slots() -> dict[str, datetime]:
    """The newest slot put, by job name."""
    rows = db.session.execute(text("SELECT job, last_slot FROM schedule"))
    return {row.job: row.last_slot for row in rows}


def tick(now: datetime) -> int:
    """Put all slots that are due; returns how many were new. One transaction."""
    known = last_slots()
    new = 0
    for job in JOBS.values():
        if job.every is not None:
            if job.name not in known:
                # A job never seen before starts now: nobody wants the slots of before it existed.
                known[job.name] = now - timedelta(minutes=1)
                _note(job, known[job.name])
            new += sum(put_slot(job, slot) for slot in slots(job, known[job.name], now))
    return new


def _beat(count: int) -> None:
    settings: Config = config()
    with transaction():
        # While the sandbox clock is being moved, the one who moves it runs what falls due.
        if (
            settings.sandbox
            and not db.session.execute(
                text("SELECT pg_try_advisory_xact_lock_shared(:key)"), {"key": ADVANCING}
            ).scalar_one()
        ):
            return
        now = clock.now()
        new = tick(now)
        busy = outbox.queues_with_work(now) if new or count % WAKE_EVERY == 0 else []
    for name in busy:
        wake(name)


def serve() -> None:
    """Tick every second until the process is told to stop."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    logger.info("scheduler is ready with %s jobs", sum(1 for job in JOBS.values() if job.every))
    count = 0
    while not stop.wait(TICK_SECONDS):
        try:
            _beat(count)
        except Exception:
            # The database may be restarting; slots are caught up from the last one put.
            logger.exception("a tick failed")
        finally:
            db.session.remove()
        count += 1
