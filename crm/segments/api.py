"""The API of segments: runs, the current segments, their members, one member's place and why."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.http import Blueprint, idempotent, needs
from crm.http.pagination import PageQuery
from crm.members import profiles
from crm.points import programme
from crm.segments import directory, documents, jobs, runs
from crm.segments.schemas import (
    AssignmentPage,
    RfmOut,
    RunIn,
    RunOut,
    RunPage,
    SegmentMemberPage,
    SegmentsOut,
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
    run = jobs.queue_run(body["as_of"], body["parameters"], now=clock.now())
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
    return directory.rfm(member_id, now=clock.now())
