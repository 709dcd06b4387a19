"""Segmentation runs from request to result: queued, running, then done or failed with the reason.

Each step is a small transaction, so that others see the progress and a killed worker loses little;
the next worker starts the run again and there is still one result.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select, text
from sqlalchemy.orm import defer

from crm.db import db
from crm.http.pagination import decode, page
from crm.segments.errors import AsOfInTheFuture, NoNumberOfClusters, RunNotFound
from crm.segments.models import SegmentationRun
from crm.segments.parameters import Parameters

WORKING = ("queued", "running")
FINAL = ("done", "cancelled")
HEAVY = ("sizes", "centroids", "movement", "percentiles", "heat", "model")
LIGHT = [defer(getattr(SegmentationRun, column)) for column in HEAVY]

IN_FORCE = and_(
    SegmentationRun.applied,
    SegmentationRun.state == "done",
    SegmentationRun.rollback_requested_at.is_(None),
)
GOING_ON = SegmentationRun.state.in_(WORKING)
LATER = text("""
    SELECT EXISTS (
        SELECT FROM segmentation_run r
        WHERE (r.as_of, r.id) > (:as_of, :id) AND r.rollback_requested_at IS NULL
          AND (r.state IN ('queued', 'running', 'failed') OR r.applied AND r.state = 'done')
    )
""")


class Cancelled(Exception):
    """Somebody asked for the end of a run; whoever does it stops at the next step."""


def request(
    as_of: datetime | None,
    parameters: dict[str, Any],
    *,
    asked: str = "auto",
    by: str,
    now: datetime,
) -> SegmentationRun:
    """A new run, queued; `as_of` is now unless an earlier instant is wanted.

    `asked`: a `score` by the model that is there, a `refit`, or whichever is due (`auto`).
    Parameters are those of a refit: who gives some has one.

    Raises `AsOfInTheFuture`, `NoNumberOfClusters`.
    """
    if as_of is not None and as_of > now:
        raise AsOfInTheFuture(now=now.isoformat(), pointer="/as_of")
    read = Parameters.read(parameters)
    if read.min_k > read.max_k:
        raise NoNumberOfClusters(pointer="/parameters/min_k")
    run = SegmentationRun(
        as_of=as_of or now,
        state="queued",
        asked="refit" if parameters and asked == "auto" else asked,
        parameters=parameters,
        requested_by=by,
        requested_at=now,
    )
    db.session.add(run)
    db.session.flush()
    return run


def get(run_id: UUID) -> SegmentationRun:
    """A run by its id. Raises `RunNotFound`."""
    run = db.session.get(SegmentationRun, run_id, populate_existing=True)
    if run is None:
        raise RunNotFound()
    return run


def working(run_id: UUID) -> SegmentationRun:
    """A run by its id, without its tables: to tell how far it is. Raises `RunNotFound`."""
    run = db.session.get(SegmentationRun, run_id, options=LIGHT, populate_existing=True)
    if run is None:
        raise RunNotFound()
    return run


def locked(run_id: UUID) -> SegmentationRun:
    """A run by its id, its row locked: nobody ends it meanwhile. Raises `RunNotFound`."""
    run = db.session.get(SegmentationRun, run_id, with_for_update=True, populate_existing=True)
    if run is None:
        raise RunNotFound()
    return run


def current() -> SegmentationRun | None:
    """The run that members' segments come from: the one of the latest instant."""
    run_id = current_id()
    return get(run_id) if run_id else None


def current_id() -> UUID | None:
    """The id of that run, without its tables."""
    return db.session.scalar(
        select(SegmentationRun.id)
        .where(IN_FORCE)
        .order_by(SegmentationRun.as_of.desc(), SegmentationRun.id.desc())
        .limit(1)
    )


def model_at(as_of: datetime) -> SegmentationRun | None:
    """The refit whose model is in force for a run of this instant, if there is one."""
    return db.session.scalar(
        select(SegmentationRun)
        .where(IN_FORCE, SegmentationRun.model.is_not(None), SegmentationRun.as_of <= as_of)
        .order_by(SegmentationRun.as_of.desc(), SegmentationRun.id.desc())
        .limit(1)
    )


def recent(limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of runs, newest request first, without what they found."""
    (before,) = decode(cursor, UUID) or (None,)
    query = select(SegmentationRun).options(*LIGHT)
    if before is not None:
        query = query.where(SegmentationRun.id < before)
    rows = db.session.scalars(query.order_by(SegmentationRun.id.desc()).limit(limit + 1)).all()
    return page(rows, limit, lambda run: (run.id,))


def start(run_id: UUID, *, now: datetime) -> SegmentationRun | None:
    """Mark a run as running and fix what it goes by; None when there is nothing left to do.

    Members are given its segments unless a run of a later instant has been there or waits: so the
    ids of such runs ascend with their instants.
    """
    run = get(run_id)
    if run.state in FINAL:
        return None
    later = db.session.execute(LATER, {"as_of": run.as_of, "id": run.id}).scalar_one()
    run.state, run.started_at, run.error = "running", now, None
    run.parameters = Parameters.read(run.parameters).as_json()
    run.applied = not later
    advance(run, "reading", 0.05)
    return run


def advance(run: SegmentationRun, stage: str, progress: float) -> None:
    """Tell how far a run is: 0 to 1. Raises `Cancelled` when somebody asked for its end."""
    run.stage, run.progress = stage, progress
    if run.cancel_requested_at is not None:
        raise Cancelled


def keep(run: SegmentationRun, document: dict[str, Any], result_hash: str) -> None:
    """Store what a run found (`crm.segments.segmentation.Segmentation.document`).

    Who moved is told by the first attempt: when a killed run is started again, some have moved.
    """
    first_told = run.movement
    for name, value in document.items():
        setattr(run, name, value)
    run.result_hash = result_hash
    run.movement = first_told or run.movement


def went_by(
    run: SegmentationRun, reason: str, model_id: UUID, model: dict[str, Any] | None
) -> None:
    """Store whether it was a refit (it has a `model` of its own) or a score, and why."""
    run.kind, run.kind_reason = "score" if model is None else "refit", reason
    run.model_id, run.model = model_id, model


def finish(run: SegmentationRun, *, now: datetime) -> None:
    """Mark a run as done."""
    run.state, run.finished_at = "done", now
    advance(run, "done", 1.0)


def fail(run_id: UUID, reason: str, *, now: datetime) -> None:
    """Mark a run as failed; its task is tried again a few times and then left to people."""
    run = get(run_id)
    run.state, run.error, run.finished_at = "failed", reason[:2000], now
