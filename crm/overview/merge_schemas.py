"""The shapes of merges."""

from crm.http import Schema, fields
from crm.members.schemas import MemberOut, MemberRefIn


class MergeIn(Schema):
    """The record that goes into the member of the path."""

    from_ = fields.Nested(MemberRefIn, required=True, data_key="from")


class UndoIn(Schema):
    """Nothing more needs to be said."""

    body_optional = True


class MovedOut(Schema):
    """What went along: figures of points, how many of the rest, names of what was filled in."""

    points = fields.points(required=True)
    lots = fields.Whole(required=True)
    debt = fields.points(required=True)
    orders = fields.Whole(required=True)
    coupons = fields.Whole(required=True)
    cases = fields.Whole(required=True)
    identities = fields.Whole(required=True)
    tags = fields.Items(fields.Text(), required=True)
    consents = fields.Whole(required=True)
    referrals = fields.Whole(required=True)
    filled = fields.Items(fields.Text(), required=True)


class MergeOut(Schema):
    """A merge: `from` went into `into`. It can be undone before `undo_until`."""

    id = fields.Id(required=True)
    from_ = fields.Id(required=True, data_key="from")
    into = fields.Id(required=True)
    merged_at = fields.Instant(required=True)
    merged_by = fields.Text(required=True)
    undo_until = fields.Instant(required=True)
    undone_at = fields.Instant(required=True, allow_none=True)
    undone_by = fields.Text(required=True, allow_none=True)
    moved = fields.Nested(MovedOut, required=True)


class MergeListOut(Schema):
    """The merges of one record, the newest first, at most fifty."""

    data = fields.Items(fields.Nested(MergeOut), required=True)


class MergePreviewOut(Schema):
    """Both records as they are, and what would move."""

    from_ = fields.Nested(MemberOut, required=True, data_key="from")
    into = fields.Nested(MemberOut, required=True)
    moves = fields.Nested(MovedOut, required=True)
