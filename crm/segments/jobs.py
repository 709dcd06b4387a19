"""The segments' jobs: a run when somebody asks for one, and one every night."""

from datetime import datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm import audit, clock
from crm.db import db, transaction
from crm.http import principal
from crm.queue import job
from crm.segments import cancelling, rollback, runs
from crm.segments.models import SegmentationRun

WITHOUT_PURCHASES = timedelta(days=28)  # time alone makes customers cooler, but slowly


@job("segments.run")
def run(run_id: str) -> None:
    """Do a queued run."""
    # scikit-learn takes seconds to load and 100 MB to keep: only a worker that needs it pays.
    import_module("crm.segments.work").perform(UUID(run_id))


@job("segments.roll_back")
def roll_back(run_id: str) -> None:
    """Take back a run that is out of force, with all that came after it."""
    import_module("crm.segments.work").roll_back()


def queue_run(
    as_of: datetime | None,
    parameters: dict[str, Any],
    *,
    asked: str = "auto",
    key: str | None = None,
    now: datetime,
) -> SegmentationRun | None:
    """Request a run and put its task, in the current transaction; people's wishes are audited.

    None when `key` (an occasion, such as a night) had its run before.
    """
    who = principal()
    found = runs.request(as_of, parameters, asked=asked, by=who.name, now=now)
    if not run.put(str(found.id), key=f"segments.run:{key or found.id}"):
        db.session.delete(found)
        return None
    if who.kind != "system":
        after = {
            "as_of": found.as_of.isoformat(),
            "asked": found.asked,
            "parameters": found.parameters,
        }
        audit.record("segmentation_run.request", "segmentation_run", found.id, now=now, after=after)
    return found


def cancel_run(run_id: UUID, *, now: datetime) -> SegmentationRun:
    """Ask for a run's end, audited. Raises what `cancelling.request` does."""
    found = cancelling.request(run_id, now=now)
    audit.record("segmentation_run.cancel", "segmentation_run", found.id, now=now)
    return found


def queue_roll_back(run_id: UUID, *, now: datetime) -> SegmentationRun:
    """Take a run out of force and put the task that gives members back what they had, audited.

    Raises what `rollback.request` does.
    """
    found = rollback.request(run_id, now=now)
    roll_back.put(str(found.id), key=f"segments.roll_back:{found.id}")
    audit.record("segmentation_run.roll_back", "segmentation_run", found.id, now=now)
    return found


def next_change(now: datetime) -> datetime | None:
    """From when on a run may find something new: at once when members bought or registered since
    the last one, else after four weeks. Only the sandbox asks, to pass over empty nights.
    """
    last = runs.current()
    if last is None or last.started_at is None:
        return now
    changed = db.session.execute(
        text("""
            SELECT EXISTS (SELECT FROM purchase_summary WHERE updated_at >= :since)
                OR EXISTS (SELECT FROM member WHERE segment IS NULL AND status = 'active')
        """),
        {"since": last.started_at},
    ).scalar_one()
    return now if changed else max(now, last.as_of + WITHOUT_PURCHASES)


@job("segments.daily", every="30 18 * * *", due_from=next_change)  # 02:30 in Shanghai
def daily(slot: datetime) -> None:
    """Request the night's run, once."""
    with transaction():
        queue_run(None, {}, key=f"night:{slot}", now=clock.now())
