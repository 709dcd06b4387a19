"""Jobs of messages: delivering, deciding what dead workers left, adding up figures."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from crm import clock
from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages import delivery, recovery
from crm.queue import job, never_on_the_way

SLICE_SECONDS = 15  # then other jobs have their turn
FAR = datetime(9000, 1, 1, tzinfo=UTC)
HELPERS = 8  # most workers that are called to one heap of messages

SOONEST = text("""
    SELECT min(d.due_at)
    FROM (VALUES ('email'), ('sms'), ('webhook'), ('inbox')) AS c (channel),
         (VALUES ('service'), ('marketing')) AS p (purpose), LATERAL (
            SELECT due_at FROM message m
            WHERE m.channel = c.channel AND m.purpose = p.purpose AND state = 'waiting'
              AND due_at <= :until ORDER BY due_at LIMIT 1) AS d
""")
AT_WORK = text("""
    SELECT count(*) FROM (
        SELECT FROM task
        WHERE queue = 'default' AND state = 'waiting' AND job = 'messages.deliver' LIMIT :most
    ) AS called
""")
FORGET = text("""
    DELETE FROM message_day WHERE (member_id, day) IN (
        SELECT member_id, day FROM message_day WHERE day < :before LIMIT 20000)
""")
KEPT = timedelta(days=14)


def next_due(now: datetime) -> datetime | None:
    """When the next message is due."""
    return _soonest(FAR)


@job("messages.deliver", every="* * * * *", due_from=next_due)
def deliver(slot: datetime) -> int:
    """Send what is due, and call other workers while there is more; returns how many were sent."""
    recovery.recover()
    found = delivery.drain(SLICE_SECONDS, on_crowd=_call_helper)
    with transaction():
        _go_on(found)
    return found.sent


def _call_helper() -> None:
    """Let another worker help with a crowd, up to `HELPERS` of them."""
    with transaction():
        now = clock.now()
        if db.session.execute(AT_WORK, {"most": HELPERS}).scalar_one() < HELPERS:
            deliver.put(now.isoformat(), key=f"messages.deliver:{uuid7()}")


def _go_on(found: delivery.Pass) -> None:
    """Come back for what is left, and for what falls due before the scheduler's next minute."""
    now = clock.now()
    soon = _soonest(now + timedelta(minutes=1))
    if soon is None:
        return
    if found.more and found.again_in is None:
        deliver.put(now.isoformat(), key=f"messages.deliver:{uuid7()}")
        return
    # Many workers may want to come back in the same second: one will do, and call the others.
    due = max(soon, now + (found.again_in or timedelta(0))).replace(microsecond=0)
    due += timedelta(seconds=1)
    deliver.put(due.isoformat(), key=f"messages.deliver:at:{due:%Y-%m-%dT%H:%M:%SZ}", due_at=due)


def _soonest(until: datetime) -> datetime | None:
    """When the earliest waiting message is due, if by `until`."""
    return db.session.execute(SOONEST, {"until": until}).scalar()


@job("messages.recover", every="* * * * *", due_from=never_on_the_way)
def recover(slot: datetime) -> int:
    """Decide what became of messages that workers who died were sending; returns how many."""
    return recovery.recover()


@job("messages.figures", every="*/5 * * * *", due_from=never_on_the_way)
def fold(slot: datetime) -> int:
    """Add up the parts of the figures per source; they read the same before and after."""
    with transaction():
        return db.session.execute(text("SELECT message_count_fold()")).scalar_one()


@job("messages.forget", every="50 18 * * *", due_from=never_on_the_way)
def forget(slot: datetime) -> int:
    """Drop what caps no longer look back to: days of members that are two weeks old."""
    before, done = (clock.now() - KEPT).date(), 0
    while True:
        with transaction():
            gone = db.session.execute(FORGET, {"before": before})
        if not gone.rowcount:  # type: ignore[attr-defined]
            return done
        done += gone.rowcount  # type: ignore[attr-defined]
