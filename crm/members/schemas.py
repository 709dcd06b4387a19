"""What the members' routes take and give."""

from typing import Any

import marshmallow as ma

from crm.errors import N_
from crm.http import Schema, fields
from crm.http.fields import wrong
from crm.http.pagination import PageQuery, page_of
from crm.members import fingerprints
from crm.members.consents import CHANNELS, PURPOSES

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


class Scalar(fields.Field):
    """Text of at most 500 characters, a number, true, false; null clears."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> Any:
        if isinstance(value, str):
            return fields.Text(500, low=0, multiline=True).deserialize(value)
        if not isinstance(value, (bool, int, float)):
            raise wrong("invalid_type", N_("This must be text, a number, true or false."))
        return value


class Birthday(Schema):
    """Month and day, the year if known; `lunar` for the Chinese calendar."""

    month = fields.Whole(1, 12, required=True)
    day = fields.Whole(1, 31, required=True)
    year = fields.Whole(1900, 2200, allow_none=True)
    calendar = fields.Choice("solar", "lunar", allow_none=True)


class ConsentFacts(Schema):
    """A decision: granted or not, the version of the wording, where it was given, its proof."""

    granted = fields.Flag(required=True)
    wording = fields.Text(100, allow_none=True)
    source = fields.Text(100, allow_none=True)
    proof = fields.Text(500, allow_none=True, multiline=True)


class ConsentIn(ConsentFacts):
    """A decision about a channel and a purpose, given with the registration."""

    channel = fields.Choice(*CHANNELS, required=True)
    purpose = fields.Choice(*PURPOSES, required=True)


def tag_field(**kwargs: Any) -> fields.Text:
    """A tag: 1 to 50 characters."""
    return fields.Text(50, **kwargs)


def store_code(**kwargs: Any) -> fields.Text:
    """What orders call a store."""
    return fields.Text(40, pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*", **kwargs)


class ProfileIn(Schema):
    """What a registration and a change have in common; null is nothing, or clears."""

    phone = fields.Text(40, allow_none=True)
    email = fields.Text(254, allow_none=True)
    name = fields.Text(100, allow_none=True)
    gender = fields.Choice("female", "male", "other", allow_none=True)
    birthday = fields.Nested(Birthday, allow_none=True)
    locale = fields.Text(35, pattern=r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", allow_none=True)
    timezone = fields.Text(64, allow_none=True)
    home_store = store_code(allow_none=True)
    source = fields.Text(100, allow_none=True)
    external_ids = fields.Items(fields.Nested(ExternalId), 20, allow_none=True)
    tags = fields.Items(tag_field(), 100, allow_none=True)
    attributes = fields.Mapping(
        keys=fields.Text(64), values=Scalar(allow_none=True), high=50, allow_none=True
    )


class MemberIn(ProfileIn):
    """A registration. Nothing is required; who has none of these identities is a new member.

    `fingerprints` are the shop's hashes of the device; see docs/activities.md.
    """

    consents = fields.Items(fields.Nested(ConsentIn), 40, allow_none=True)
    referred_by = fields.Nested(MemberRefIn, allow_none=True)
    fingerprints = fingerprints.field(allow_none=True)


class MemberPatch(ProfileIn):
    """A merge patch (RFC 7396): what is named changes, null clears, lists are replaced."""


class TierOut(Schema):
    """The tier held, its name in the reader's language; `valid_until` is exclusive."""

    code = fields.Text()
    name = fields.Text()
    since = fields.Instant()
    valid_until = fields.Instant(allow_none=True)


class Warned(Schema):
    """What could not be taken as it was given, and was left out."""

    code = fields.Text()
    pointer = fields.Text()
    detail = fields.Text()


class MemberOut(Schema):
    """A member. Staff see `phone` and `email` in part."""

    id = fields.Id()
    member_no = fields.Text()
    status = fields.Text()
    phone = fields.Text(allow_none=True)
    email = fields.Text(allow_none=True)
    external_ids = fields.Items(fields.Nested(ExternalId))
    name = fields.Text(allow_none=True)
    gender = fields.Text(allow_none=True)
    birthday = fields.Nested(Birthday, allow_none=True)
    locale = fields.Text(allow_none=True)
    timezone = fields.Text(allow_none=True)
    home_store = fields.Text(allow_none=True)
    source = fields.Text(allow_none=True)
    referred_by = fields.Id(allow_none=True)
    tags = fields.Items(fields.Text())
    attributes = fields.Mapping()
    segment = fields.Text(allow_none=True)
    tier = fields.Nested(TierOut, allow_none=True)
    created_at = fields.Instant()
    updated_at = fields.Instant()
    last_seen_at = fields.Instant(allow_none=True)
    warnings = fields.Items(fields.Nested(Warned))


MemberPage = page_of(MemberOut)


class MemberQuery(PageQuery):
    """Filters; all that are given must be met."""

    phone = fields.Text(40)
    email = fields.Text(254)
    member_no = fields.Text(10, pattern=r"\d{10}")
    external_id = fields.Text(170)
    tag = tag_field()
    tier = fields.Text(64)
    segment = fields.Text(64)
