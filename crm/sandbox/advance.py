"""Moving time forward: every job that falls due on the way runs at its instant, in order."""

from collections import Counter
from datetime import datetime, timedelta

from croniter import croniter
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from crm import clock, outbox, worker
from crm.db import db, transaction
from crm.errors import N_, Refused, Unprocessable
from crm.outbox import ADVANCING
from crm.queue import JOBS, QUEUES, Job
from crm.scheduler import put_slot

FARTHEST = timedelta(days=366 * 5)


class ClockGoesForward(Unprocessable):
    """The sandbox's time can't be moved back (422)."""

    code = "clock_goes_forward"
    detail = N_("The sandbox clock is at {now}; it moves forward only.")


class ClockTooFar(Unprocessable):
    """More than five years at once (422)."""

    code = "clock_too_far"
    detail = N_("Move the clock by at most five years at once.")


class ClockMoving(Refused):
    """Another request is moving the clock (409)."""

    code = "clock_moving"
    detail = N_("Another request is moving the clock. Try again when it is done.")


def is_standing() -> bool:
    """Whether the clock was moved and stands since."""
    return bool(db.session.execute(text("SELECT count(*) FROM sandbox_clock")).scalar())


def advance(target: datetime) -> dict[str, int]:
    """Move to `target`, running what falls due; returns how often each job ran.

    Raises `ClockGoesForward`, `ClockTooFar`, `ClockMoving`.
    """
    with db.engines["autocommit"].connect() as connection:
        _lock(connection)
        try:
            start = clock.now()  # not before: another may have moved it while we waited
            db.session.remove()
            if target < start:
                raise ClockGoesForward(now=start.isoformat())
            if target - start > FARTHEST:
                raise ClockTooFar()
            return _walk(start, target)
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVANCING})


def _lock(connection: Connection) -> None:
    """Wait until workers have put down what they hold; they begin nothing new meanwhile."""
    connection.execute(text("SET lock_timeout = '60s'"))
    try:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVANCING})
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise ClockMoving() from error
        raise
    finally:
        connection.execute(text("RESET lock_timeout"))


def _walk(start: datetime, target: datetime) -> dict[str, int]:
    """Go from instant to instant at which something falls due.

    Every job is asked anew at each: what one does (plan a message, give points that will lapse) may
    be the next one's work, sooner than anything it knew of.
    """
    ran: Counter[str] = Counter()
    _drain()
    at = start
    while (found := _next(at, target)) is not None:
        at, names = found
        _set(at)
        with transaction():
            for name in names:
                put_slot(JOBS[name], at)
        _drain()
        ran.update(names)
    _set(target)
    _drain()
    return dict(ran)


def _next(after: datetime, until: datetime) -> tuple[datetime, list[str]] | None:
    """The first instant in (after, until] at which a job has a slot with work or a task is due,
    and the jobs whose slot it is; None: nothing is due any more."""
    # One transaction for all that is asked: beginning one costs as much as most answers.
    slots = {name: next_slot(job, after, until) for name, job in JOBS.items()}
    dues = [slot for slot in slots.values() if slot is not None]
    task = outbox.next_due(after)
    if task is not None and task <= until:
        dues.append(task)
    db.session.rollback()
    if not dues:
        return None
    at = min(dues)
    return at, sorted(name for name, slot in slots.items() if slot == at)


def next_slot(job: Job, after: datetime, until: datetime) -> datetime | None:
    """The job's next slot in (after, until] at which it has work, or None."""
    if job.every is None:
        return None
    base = after
    if job.due_from is not None:
        first = job.due_from(after)
        if first is None or first > until:
            return None
        base = max(after, first - timedelta(microseconds=1))
    slot = croniter(job.every, base).get_next(datetime)
    return slot if slot <= until else None


def _set(at: datetime) -> None:
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO sandbox_clock (one, now) VALUES (true, :now)
                ON CONFLICT (one) DO UPDATE SET now = excluded.now
            """),
            {"now": at},
        )


def _drain() -> None:
    for queue in QUEUES:
        worker.drain(queue)
