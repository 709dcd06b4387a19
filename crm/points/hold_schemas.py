"""Holds in and out."""

from crm.http import Schema, fields
from crm.members.schemas import MemberRefIn
from crm.points.holds import LONGEST, USUAL
from crm.points.schemas import EntryLotOut, EntryOut


class HoldIn(Schema):
    """Points to reserve; `reference` is the shop's own name for it (cart, receipt)."""

    member = fields.Nested(MemberRefIn, required=True)
    points = fields.points(1, required=True)
    reference = fields.Text(200, required=True)
    ttl_seconds = fields.Whole(
        1, int(LONGEST.total_seconds()), load_default=int(USUAL.total_seconds())
    )


class CaptureIn(Schema):
    """How many of the held points to spend; all of them without it. The rest is free again."""

    body_optional = True

    points = fields.points(1, load_default=None, allow_none=True)


class VoidIn(Schema):
    """Nothing more needs to be said."""

    body_optional = True


class HoldOut(Schema):
    """A hold as it is now. `state` is held, captured or void; `expired` when its end made it so.

    `entry` is the newest of its entries: hold, capture or void.
    """

    id = fields.Id()
    member_id = fields.Id()
    state = fields.Text()
    expired = fields.Flag()
    points = fields.points()
    captured = fields.points()
    reference = fields.Text()
    created_at = fields.Instant()
    expires_at = fields.Instant()
    resolved_at = fields.Instant(allow_none=True)
    lots = fields.Items(fields.Nested(EntryLotOut), 100_000)
    entry = fields.Nested(EntryOut)
