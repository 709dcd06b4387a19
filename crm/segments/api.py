"""The API of segments: runs, the current segments, their members, one member's place and why."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, idempotent, needs
from crm.http.pagination import PageQuery
from crm.members import profiles
from crm.points import programme
from crm.segments import directory, documents, jobs, labels, member_rfm, runs
from crm.segments.run_schemas import RunActIn, RunIn, RunOut, RunPage, SegmentsOut
from crm.segments.schemas import (
    AssignmentPage,
    RfmOut,
    SegmentMemberPage,
    SegmentNamedOut,
    SegmentPatch,
)

blp = Blueprint("segments", __name__, description="Who buys recently, often and much.")


def _currency() -> str:
    return programme.current(clock.now()).currency


@blp.post("/segmentation-runs")
@needs("segments:write")
@blp.arguments(RunIn)
@idempotent
@blp.response(202, RunOut)
def request_run(body: dict[str, Any]):
    """Ask for a run. It is queued; follow its progress at its own address.

    Members are given its segments unless a run of a later instant has been there.
    """
    wished = body["as_of"], body["parameters"]
    run = jobs.queue_run(*wished, asked=body["kind"], now=clock.now())
    assert run is not None, "a request of its own has a key of its own"
    return documents.whole(run, _currency())


@blp.get("/segmentation-runs")
@needs("segments:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, RunPage)
def list_runs(query: dict[str, Any]):
    """Runs, newest first, without their tables."""
    found = runs.recent(query["limit"], query["cursor"])
    return found | {"data": [documents.brief(run) for run in found["data"]]}


@blp.get("/segmentation-runs/<uuid:run_id>")
@needs("segments:read")
@blp.response(200, RunOut)
def read_run(run_id: UUID):
    """One run: progress, then quality, sizes, centroids and who moved."""
    return documents.whole(runs.get(run_id), _currency())


@blp.post("/segmentation-runs/<uuid:run_id>/cancel")
@needs("segments:write")
@blp.arguments(RunActIn)
@idempotent
@blp.response(202, RunOut)
def cancel_run(body: dict[str, Any], run_id: UUID):
    """End a run before its time, as if it had never been.

    One that waits has ended at once; one that works stops at its next step, and takes back what it
    has written.
    """
    return documents.whole(jobs.cancel_run(run_id, now=clock.now()), _currency())


@blp.post("/segmentation-runs/<uuid:run_id>/rollback")
@needs("segments:write")
@blp.arguments(RunActIn)
@idempotent
@blp.response(202, RunOut)
def roll_back_run(body: dict[str, Any], run_id: UUID):
    """Take a run back, with all that came after it.

    Members have the segments again that they had before, and the next run goes by the model from
    before. `rolled_back_at` tells when that is done.
    """
    return documents.whole(jobs.queue_roll_back(run_id, now=clock.now()), _currency())


@blp.get("/segments")
@needs("segments:read")
@blp.response(200, SegmentsOut)
def list_segments():
    """The segments that members are in now, best first, and the run that found them."""
    run = runs.current()
    return {
        "data": documents.sizes(run, _currency()) if run else [],
        "next_cursor": None,
        "run": documents.brief(run) if run else None,
        "heat": run.heat if run else None,
    }


@blp.patch("/segments/<code>")
@needs("segments:write")
@blp.arguments(SegmentPatch)
@blp.response(200, SegmentNamedOut)
def rename_segment(body: dict[str, Any], code: str):
    """Call a segment otherwise. Its code, and what it means, stay."""
    with transaction():
        return labels.renamed(code, labels.by_language(body["labels"]), now=clock.now())


@blp.get("/segments/<code>")
@needs("segments:read")
@blp.response(200, SegmentNamedOut)
def read_segment(code: str):
    """What a segment means, and what the shop calls it."""
    return labels.told(code)


@blp.get("/segments/<code>/members")
@needs("segments:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, SegmentMemberPage)
def list_members(query: dict[str, Any], code: str):
    """The members of a segment."""
    return directory.members_of(code, query["limit"], query["cursor"], now=clock.now())


@blp.get("/members/<uuid:member_id>/segments")
@needs("segments:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, AssignmentPage)
def list_history(query: dict[str, Any], member_id: UUID):
    """The segments that a member came into, newest first."""
    profiles.require(member_id)
    return directory.history(member_id, query["limit"], query["cursor"])


@blp.get("/members/<uuid:member_id>/rfm")
@needs("segments:read")
@blp.response(200, RfmOut)
def read_rfm(member_id: UUID):
    """One member's recency, frequency and monetary value, segment, and why in words."""
    return member_rfm.rfm(member_id, now=clock.now())
