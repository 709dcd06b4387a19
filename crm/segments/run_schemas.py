"""The shapes of runs in the API, and of the segments that they found. Shares are 0 to 1."""

from typing import ClassVar

from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.segments.schemas import SegmentOut
from crm.segments.shares import ratio

HASH = "[0-9a-f]{64}"


class ParametersIn(Schema):
    """What a run may be asked to go by; the rest is as documented."""

    min_k = fields.Whole(2, 8)
    max_k = fields.Whole(2, 8)
    bootstraps = fields.Whole(2, 100)
    seed = fields.Whole(0, 1_000_000)


class RunIn(Schema):
    """A wish for a run, as of now or of an earlier instant.

    `kind`: a `score` by the centroids that are there, a `refit`, or whichever is due (`auto`).
    Parameters are those of a refit.
    """

    body_optional: ClassVar[bool] = True

    as_of = fields.Instant(load_default=None)
    kind = fields.Choice("auto", "score", "refit", load_default="auto")
    parameters = fields.Nested(ParametersIn, load_default=dict)


class RunActIn(Schema):
    """No body is needed; an empty object may come."""

    body_optional: ClassVar[bool] = True


class RunBriefOut(Schema):
    """How a run stands. `applied`: members were given its segments. A `score` went by the model of
    the refit `model_id`; `quality` then tells of that model, but for its `psi` and counts.
    """

    id = fields.Id(required=True)
    as_of = fields.Instant(required=True)
    state = fields.Choice("queued", "running", "done", "failed", "cancelled", required=True)
    stage = fields.Text(allow_none=True)
    progress = ratio(required=True)
    applied = fields.Flag(required=True)
    asked = fields.Choice("auto", "score", "refit", required=True)
    kind = fields.Choice("score", "refit", allow_none=True)
    kind_reason = fields.Text(allow_none=True)
    model_id = fields.Id(allow_none=True)
    method = fields.Choice("kmeans", "rules", allow_none=True)
    reason = fields.Text(allow_none=True)
    reason_text = fields.Text(allow_none=True)
    parameters = fields.Mapping()
    quality = fields.Mapping(allow_none=True)
    versions = fields.Mapping(allow_none=True)
    input_hash = fields.Text(64, pattern=HASH, allow_none=True)
    result_hash = fields.Text(64, pattern=HASH, allow_none=True)
    error = fields.Text(2000, allow_none=True)
    requested_by = fields.Text(required=True)
    requested_at = fields.Instant(required=True)
    started_at = fields.Instant(allow_none=True)
    finished_at = fields.Instant(allow_none=True)
    cancel_requested_at = fields.Instant(allow_none=True)
    rollback_requested_at = fields.Instant(allow_none=True)
    rolled_back_at = fields.Instant(allow_none=True)


class MoveOut(Schema):
    """How many went from one segment to another; from null: seen for the first time. Of those who
    moved, `behaviour` by what they did or time, `refit` only because the model is another one.
    """

    from_ = fields.code(data_key="from", attribute="from", allow_none=True)
    to = fields.code()
    members = fields.Whole(0, 2**31)
    behaviour = fields.Whole(0, 2**31)
    refit = fields.Whole(0, 2**31)


class AmountHeatOut(Schema):
    """Buyers by recency (columns) and what they spent (rows, most first; `from` minor units)."""

    from_ = fields.Items(fields.Whole(0, 2**63 - 1), data_key="from", attribute="from")
    members = fields.Items(fields.Items(fields.Whole(0, 2**31)))
    revenue_shares = fields.Items(fields.Items(ratio()))


class HeatOut(Schema):
    """Buyers by recency (columns, the last one open) and frequency (rows, most often first)."""

    recency_upto_days = fields.Items(fields.Whole(0, 10**6, allow_none=True))
    frequency_from = fields.Items(fields.Whole(1, 10**6))
    members = fields.Items(fields.Items(fields.Whole(0, 2**31)))
    revenue_shares = fields.Items(fields.Items(ratio()))
    monetary = fields.Nested(AmountHeatOut)


class RunOut(RunBriefOut):
    """A run with all that it found."""

    sizes = fields.Items(fields.Nested(SegmentOut), allow_none=True)
    centroids = fields.Mapping(allow_none=True)
    movement = fields.Items(fields.Nested(MoveOut), 400, allow_none=True)
    heat = fields.Nested(HeatOut, allow_none=True)


class SegmentsOut(Schema):
    """The segments that members are in now; `run` is null before the first run is done."""

    data = fields.Items(fields.Nested(SegmentOut), required=True)
    next_cursor = fields.Text(required=True, allow_none=True)
    run = fields.Nested(RunBriefOut, required=True, allow_none=True)
    heat = fields.Nested(HeatOut, required=True, allow_none=True)


RunPage = page_of(RunBriefOut)
