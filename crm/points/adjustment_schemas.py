"""Adjustments in and out."""

import typing

from crm.auth.approval_schemas import ApprovalOut
from crm.errors import N_
from crm.http import Schema, fields
from crm.members.schemas import MemberRefIn
from crm.points.adjustment_reasons import REASONS


class Change(fields.Whole):
    """Points given (above zero) or taken (below); a change of nothing is none."""

    default_error_messages: typing.ClassVar = {"zero": N_("This must not be zero.")}

    def __init__(self, **kwargs):
        super().__init__(-fields.POINTS_LIMIT, fields.POINTS_LIMIT, **kwargs)

    def _deserialize(self, value: object, attr, data, **kwargs) -> int:
        found = super()._deserialize(value, attr, data, **kwargs)
        if not found:
            raise self.make_error("zero")
        return found


class AdjustmentIn(Schema):
    """`note` says why, for staff; `member_text` is what the member reads, if anything."""

    member = fields.Nested(MemberRefIn, required=True)
    points = Change(required=True)
    reason_code = fields.Choice(*REASONS, required=True)
    note = fields.Text(500, required=True)
    member_text = fields.Text(500, load_default=None, allow_none=True)


class AwaitingOut(Schema):
    """Nothing has happened yet: this request waits for a second person."""

    approval = fields.Nested(ApprovalOut)
