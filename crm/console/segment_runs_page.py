"""Segmentation runs at the console: started, watched, cancelled, listed, taken back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from crm import clock
from crm.console import formats, segment_moves
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.console.words import say
from crm.db import db, transaction
from crm.errors import N_
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.segments import jobs, runs
from crm.segments.models import SegmentationRun

SHOWN = 30
WAITS = N_("It waits for a worker.")
ENDING = N_("It is being cancelled.")
STAGES = {
    "reading": N_("Reading what members bought: {percent}%"),
    "grouping": N_("Looking for groups: {percent}%"),
    "assigning": N_("Giving members their segments: {percent}%"),
}
STATES = {
    "queued": N_("waits"),
    "running": N_("is going on"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
}
KINDS = {"score": N_("By the groups that were there"), "refit": N_("Groups made anew")}
WHY = {
    "first": N_("the first run"),
    "asked": N_("as asked"),
    "monthly": N_("after a month"),
    "drift": N_("customers have changed"),
    "no_clusters": N_("there were none yet"),
    "daily": N_("every night"),
}


@blp.get("/segments/runs")
@needs("segments:read")
def segment_runs() -> str:
    """All runs, newest first: what each was, what it found, whether it is in force."""
    now, found = clock.now(), runs.recent(SHOWN, request.args.get("cursor"))
    ids = [run.id for run in found["data"]]
    query = select(SegmentationRun.id, SegmentationRun.movement)
    rows = db.session.execute(query.where(SegmentationRun.id.in_(ids)))
    moves = {row.id: row.movement for row in rows}
    current = runs.current_id()
    return render_template(
        "segment_runs.html",
        rows=[_row(run, moves[run.id], current, now) for run in found["data"]],
        cursor=found["next_cursor"],
        going_on=working() is not None,
    )


@blp.post("/segments/runs")
@needs("segments:write")
def run_segments() -> AnyResponse:
    """Queue a run, unless one is going on already."""
    asked = "refit" if request.form.get("kind") == "refit" else "auto"
    with transaction():
        if working() is None:
            jobs.queue_run(None, {}, asked=asked, now=clock.now())
    return redirect(url_for("console.segments"), 303)


@blp.post("/segments/runs/<uuid:run_id>/cancel")
@needs("segments:write")
def cancel_run(run_id: UUID) -> AnyResponse:
    """End a run that waits or works."""
    with transaction():
        jobs.cancel_run(run_id, now=clock.now())
    return redirect(url_for("console.segments"), 303)


@blp.post("/segments/runs/<uuid:run_id>/rollback")
@needs("segments:write")
def roll_back_run(run_id: UUID) -> AnyResponse:
    """Give members back the segments that they had before a run."""
    with transaction():
        jobs.queue_roll_back(run_id, now=clock.now())
    return redirect(url_for("console.segment_runs"), 303)


@blp.get("/segments/progress")
@needs("segments:read")
def run_progress() -> Response | str:
    """The progress of the run that is going on; when it has ended, the page is loaded again."""
    found = working()
    if found is None:
        return Response(status=200, headers={"HX-Refresh": "true"})
    return render_template("parts/run_progress.html", working=found)


def newest() -> SegmentationRun | None:
    """The run that was asked for last."""
    return db.session.scalar(select(SegmentationRun).order_by(SegmentationRun.id.desc()).limit(1))


def working() -> dict[str, Any] | None:
    """How far the run is that is going on, the one at work before those that wait."""
    run = db.session.scalar(
        select(SegmentationRun)
        .where(runs.GOING_ON)
        .order_by(SegmentationRun.state.desc(), SegmentationRun.id)  # running, then queued
        .limit(1)
    )
    if run is None:
        return None
    percent = round(100 * run.progress)
    ending = run.cancel_requested_at is not None
    return {"id": run.id, "percent": percent, "said": _said(run, percent), "ending": ending}


def _said(run: SegmentationRun, percent: int) -> str:
    if run.cancel_requested_at is not None:
        return gettext(ENDING)
    if run.state == "queued":
        return gettext(WAITS)
    return say(STAGES.get(run.stage or "", STAGES["reading"]), percent=percent)


def _row(
    run: SegmentationRun, moves: list[dict[str, Any]] | None, current: UUID | None, now: datetime
) -> dict[str, Any]:
    quality = run.quality or {}
    psi = quality.get("psi") or {}
    in_force = run.applied and run.state == "done" and run.rollback_requested_at is None
    return {
        "id": run.id,
        "when": when(run.as_of, now),
        "kind": gettext(KINDS[run.kind]) if run.kind else "–",
        "why": gettext(WHY[run.kind_reason]) if run.kind_reason in WHY else "",
        "state": _state(run),
        "groups": quality.get("k") or "–",
        "agreement": formats.number(quality["ari"], 2) if quality.get("ari") else "–",
        "drift": formats.number(psi["most"], 2) if psi else "–",
        "moved": formats.number(segment_moves.moved(moves)) if moves is not None else "–",
        "current": run.id == current,
        "may_go_back": in_force,
    }


def _state(run: SegmentationRun) -> str:
    if run.rolled_back_at is not None:
        return gettext(N_("taken back"))
    if run.rollback_requested_at is not None:
        return gettext(N_("is being taken back"))
    if run.state == "done" and not run.applied:
        return gettext(N_("done, for reading only"))
    return gettext(STATES[run.state])
