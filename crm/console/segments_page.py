"""The segments: their table, heat map and quality; starting a run and watching it."""

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from crm import clock
from crm.console import back_test_told, formats, person, segment_figures, standing
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.console.words import say
from crm.db import db, transaction
from crm.errors import N_
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.members.models import Member
from crm.members.tiers import storage
from crm.points import programme
from crm.segments import directory, jobs, runs
from crm.segments.models import SegmentationRun
from crm.segments.vocabulary import named

MEMBERS_SHOWN = 50
WORKING = ("queued", "running")
FAILED = N_("The last calculation did not finish. The segments below are from the one before.")
WAITS = N_("It waits for a worker.")
DONE_PART = N_("{percent} % done")


@blp.get("/segments")
@needs("segments:read")
def segments() -> str:
    """The segments as the newest finished run has them, and a run that is going on."""
    now = clock.now()
    run, newest = runs.current(), _newest()
    currency = programme.current(now).currency
    shown = (
        segment_figures.told(run, currency, when(run.finished_at or run.as_of, now))
        if run
        else None
    )
    return render_template(
        "segments.html",
        run=shown,
        forecast=back_test_told.told(now),
        working=_working(newest),
        failed=gettext(FAILED) if newest and newest.state == "failed" else "",
    )


@blp.post("/segments/runs")
@needs("segments:write")
def run_segments() -> AnyResponse:
    """Queue a run, unless one is going on already."""
    with transaction():
        if _working(_newest()) is None:
            jobs.queue_run(None, {}, now=clock.now())
    return redirect(url_for("console.segments"), 303)


@blp.get("/segments/progress")
@needs("segments:read")
def run_progress() -> Response | str:
    """The progress of the run that is going on; when it has ended, the page is loaded again."""
    working = _working(_newest())
    if working is None:
        return Response(status=200, headers={"HX-Refresh": "true"})
    return render_template("parts/run_progress.html", working=working)


def _newest() -> SegmentationRun | None:
    newest = select(SegmentationRun).order_by(SegmentationRun.id.desc()).limit(1)
    return db.session.scalar(newest)


def _working(run: SegmentationRun | None) -> dict[str, Any] | None:
    if run is None or run.state not in WORKING:
        return None
    percent = round(100 * run.progress)
    said = gettext(WAITS) if run.state == "queued" else say(DONE_PART, percent=percent)
    return {"percent": percent, "said": said}


@blp.get("/segments/<code>")
@needs("segments:read")
def segment(code: str) -> str:
    """One segment: who it is, and its members, a page at a time."""
    now = clock.now()
    found = directory.members_of(code, MEMBERS_SHOWN, request.args.get("cursor"), now=now)
    ids = [row["id"] for row in found["data"]]
    query = select(Member.id, Member.name, Member.locale).where(Member.id.in_(ids))
    names = {row.id: row for row in db.session.execute(query)}
    tiers, top = storage.shown_many(ids, now), storage.ladder_at(now).top
    return render_template(
        "segment.html",
        segment=named(code),
        play=gettext(segment_figures.PLAYS[code]),
        rows=[_member(row, names[row["id"]], tiers[row["id"]], top) for row in found["data"]],
        cursor=found["next_cursor"],
    )


def _member(row: dict[str, Any], name: Any, tier: storage.Shown, top: int) -> dict[str, Any]:
    spent = row["monetary"]
    recency = row["recency_days"]
    return {
        "id": row["id"],
        "name": name.name or person.number(row["member_no"]),
        "lang": person.language(name.name or "", name.locale),
        "number": person.number(row["member_no"]),
        "tier": {"name": tier.name, "pips": standing.pips(tier.rank, top)},
        "recency": "–" if recency is None else formats.days(recency),
        "frequency": formats.number(row["frequency"]),
        "monetary": formats.money(spent["amount"], spent["currency"]),
    }
