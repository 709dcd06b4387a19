"""What the members' routes take and give."""

from typing import Any

import marshmallow as ma

from crm.errors import N_
from crm.http import Schema, fields
from crm.http.fields import wrong

CHANNEL = r"[a-z0-9][a-z0-9_.-]*"


class ExternalId(Schema):
    """An id that another system gave: `{"channel": "shopify", "id": "7781"}`."""

    channel = fields.Text(40, pattern=CHANNEL, required=True)
    id = fields.Text(128, required=True)


class MemberRefIn(Schema):
    """A member reference: exactly one of the ways to name a member."""

    id = fields.Id()
    member_no = fields.Text(10, pattern=r"\d{10}")
    phone = fields.Text(40)
    email = fields.Text(254)
    external_id = fields.Nested(ExternalId)

    @ma.validates_schema
    def one_way(self, data: dict[str, Any], **_: object) -> None:
        """Refuse none and refuse several."""
        if len(data) != 1:
            raise wrong(
                "not_one_reference",
                N_("Name the member by exactly one of id, member_no, phone, email, external_id."),
            )
