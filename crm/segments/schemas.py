"""The shapes of segments and runs in the API. Shares and percentiles are 0 to 1."""

from typing import ClassVar

import marshmallow as ma

from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.segments.next_purchase.schemas import NextPurchaseOut
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


class MoneyOut(Schema):
    """An amount in minor units."""

    amount = fields.Whole(0, 2**63 - 1, required=True)
    currency = fields.Text(3, required=True)


class NamedOut(Schema):
    """A segment: its stable code, and words in the reader's language."""

    code = fields.code(required=True)
    name = fields.Text(required=True)
    definition = fields.Text(required=True)


class LabelsIn(Schema):
    """A shop's own names of a segment by language; null gives back the product's."""

    en = fields.Text(40, allow_none=True)
    zh_hans = fields.Text(40, allow_none=True, data_key="zh-Hans")
    zh_hant = fields.Text(40, allow_none=True, data_key="zh-Hant")


class SegmentPatch(Schema):
    """What can be changed about a segment: its names, never its code."""

    labels = fields.Nested(LabelsIn, required=True)


class SegmentNamedOut(NamedOut):
    """A segment, what it is called for the reader, and the shop's own names for it."""

    labels = fields.Mapping(required=True)


class MediansOut(Schema):
    """The typical member of a segment; monetary in minor units."""

    recency_days = ma.fields.Float()
    frequency = ma.fields.Float()
    monetary = ma.fields.Float()
    tenure_days = ma.fields.Float()
    mean_gap_days = ma.fields.Float()


class PercentilesOut(Schema):
    """Where somebody stands among all who bought, more is better; equal values stand equal."""

    recency = ratio()
    frequency = ratio()
    monetary = ratio()


class SegmentOut(NamedOut):
    """A segment of a run. Shares are of all members and of all members' revenue."""

    members = fields.Whole(0, 2**31, required=True)
    share = ratio(required=True)
    revenue = fields.Nested(MoneyOut, required=True)
    revenue_share = ratio(required=True)
    medians = fields.Nested(MediansOut, required=True, allow_none=True)
    percentiles = fields.Nested(PercentilesOut, required=True, allow_none=True)


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


class SegmentMemberOut(Schema):
    """A member of a segment with his purchases as of now."""

    id = fields.Id(required=True)
    member_no = fields.Text(required=True)
    recency_days = fields.Whole(0, 10**6, required=True, allow_none=True)
    frequency = fields.Whole(required=True)
    monetary = fields.Nested(MoneyOut, required=True)


class AssignmentOut(Schema):
    """A segment that a member came into. `margin` 0: on the border, 1: at the centre. `standing`:
    whether the move counts, waits for the next run to agree, or was dropped; `cause`: what the
    member did (or time), or only a new model.
    """

    segment = fields.Nested(NamedOut, required=True)
    previous = fields.Nested(NamedOut, required=True, allow_none=True)
    since = fields.Instant(required=True)
    run_id = fields.Id(required=True)
    method = fields.Choice("kmeans", "rules", required=True)
    margin = ratio(required=True, allow_none=True)
    cause = fields.Choice("behaviour", "refit", required=True)
    standing = fields.Choice("counts", "waiting", "dropped", required=True)


class FeaturesOut(Schema):
    """What a member bought: local days; null where there is nothing to measure."""

    recency_days = fields.Whole(0, 10**6, required=True, allow_none=True)
    frequency = fields.Whole(required=True)
    monetary = fields.Nested(MoneyOut, required=True)
    tenure_days = fields.Whole(0, 10**6, required=True, allow_none=True)
    mean_gap_days = ma.fields.Float(required=True, allow_none=True)


class FactOut(Schema):
    """One reason, in the reader's language."""

    code = fields.code(required=True)
    text = fields.Text(required=True)


class RfmOut(Schema):
    """One member's features, place among all who bought, segment and why, and next purchase.

    `margin`: 0 on the border to `next_segment`, 1 at the centre; null where a rule decides.
    `buying_now`: where a purchase today would lead; after `days_left` without one: `then`.
    """

    member_id = fields.Id(required=True)
    as_of = fields.Instant(required=True)
    features = fields.Nested(FeaturesOut, required=True)
    percentiles = fields.Nested(PercentilesOut, required=True, allow_none=True)
    segment = fields.Nested(NamedOut, required=True, allow_none=True)
    since = fields.Instant(required=True, allow_none=True)
    previous = fields.Nested(NamedOut, required=True, allow_none=True)
    standing = fields.Choice("counts", "waiting", "dropped", required=True, allow_none=True)
    margin = ratio(required=True, allow_none=True)
    next_segment = fields.Nested(NamedOut, required=True, allow_none=True)
    buying_now = fields.Nested(NamedOut, required=True, allow_none=True)
    days_left = fields.Whole(0, 10**6, required=True, allow_none=True)
    then = fields.Nested(NamedOut, required=True, allow_none=True)
    why = fields.Items(fields.Nested(FactOut), required=True)
    run_id = fields.Id(required=True, allow_none=True)
    next_purchase = fields.Nested(NextPurchaseOut, required=True)


RunPage = page_of(RunBriefOut)
SegmentMemberPage = page_of(SegmentMemberOut)
AssignmentPage = page_of(AssignmentOut)
