"""Reversals and transfers in and out."""

from crm.http import Schema, fields
from crm.members.schemas import MemberRefIn
from crm.points.schemas import EntryOut


class ReverseIn(Schema):
    """How many of the spent points to give back; all that are left without it."""

    body_optional = True

    points = fields.points(1, load_default=None, allow_none=True)


class TransferIn(Schema):
    """Who gives, who gets, how many, and why: the reason stands in both ledgers."""

    from_ = fields.Nested(MemberRefIn, required=True, data_key="from")
    to = fields.Nested(MemberRefIn, required=True)
    points = fields.points(1, required=True)
    reason = fields.Text(500, required=True)


class TransferOut(Schema):
    """A transfer: the entry of who gave, and the entry of who got."""

    id = fields.Id()
    points = fields.points()
    from_ = fields.Nested(EntryOut, data_key="from")
    to = fields.Nested(EntryOut)
