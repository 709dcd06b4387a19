"""The shapes of segments and runs in the API. Shares and percentiles are 0 to 1."""

import marshmallow as ma

from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.segments.next_purchase.schemas import NextPurchaseOut
from crm.segments.shares import ratio


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


SegmentMemberPage = page_of(SegmentMemberOut)
AssignmentPage = page_of(AssignmentOut)
