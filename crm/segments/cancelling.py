"""Ending a run before its time: at the next step, and as if it had never been."""

from datetime import datetime
from uuid import UUID

from crm.segments import runs
from crm.segments.errors import RunIsOver
from crm.segments.models import SegmentationRun


def request(run_id: UUID, *, now: datetime) -> SegmentationRun:
    """Ask for a run's end. One that waits has ended at once; one that works stops at its next step
    and takes back what it has written. Asking again changes nothing.

    Raises `RunNotFound`, `RunIsOver`.
    """
    run = runs.locked(run_id)
    if run.state == "cancelled":
        return run
    if run.state not in runs.WORKING:
        raise RunIsOver()
    if run.cancel_requested_at is None:
        run.cancel_requested_at = now
    if run.state == "queued":
        end(run, now=now)
    return run


def end(run: SegmentationRun, *, now: datetime) -> None:
    """Mark a run as cancelled; what it wrote has been taken back before."""
    run.state, run.stage, run.applied, run.finished_at = "cancelled", "cancelled", False, now
