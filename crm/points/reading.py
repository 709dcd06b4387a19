"""Awards and redemptions as they come in, read fast: a part of what the schemas take.

`msgspec` accepts a plain award in a microsecond; whatever it does not accept goes through the
marshmallow schema, which is the authority and names every mistake. A test holds the two together.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from crm.http.fields import PLAIN, POINTS_LIMIT
from crm.members.identity import MemberRef, external
from crm.points.rule import ACTIVITIES

CANONICAL = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"  # how ids are shown


class ExternalId(msgspec.Struct, forbid_unknown_fields=True):
    """An id that another system gave."""

    channel: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9_.-]*\Z")]
    id: Annotated[str, Meta(min_length=1, max_length=128, pattern=PLAIN)]


class Who(msgspec.Struct, forbid_unknown_fields=True):
    """The references that need no normalising."""

    id: Annotated[str, Meta(pattern=CANONICAL)] | None = None
    external_id: ExternalId | None = None
    member_no: Annotated[str, Meta(pattern=r"^[0-9]{10}\Z")] | None = None


class AwardBody(msgspec.Struct, forbid_unknown_fields=True):
    """An award of so many points that lasts as the programme says."""

    member: Who
    activity: Literal[ACTIVITIES]  # type: ignore[valid-type]  # a tuple of words
    source_key: Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]
    points: Annotated[int, Meta(ge=1, le=POINTS_LIMIT)]
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=PLAIN)] | None = None


class RedemptionBody(msgspec.Struct, forbid_unknown_fields=True):
    """Points to spend."""

    member: Who
    points: Annotated[int, Meta(ge=1, le=POINTS_LIMIT)]
    reference: Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]


Body = TypeVar("Body", AwardBody, RedemptionBody)


def plain_award(body: Any) -> tuple[MemberRef, AwardBody] | None:
    """The award of a JSON value and whom it is for; None for what the schema has to read."""
    return _read(body, AwardBody)


def plain_redemption(body: Any) -> tuple[MemberRef, RedemptionBody] | None:
    """As `plain_award`, of a redemption."""
    return _read(body, RedemptionBody)


def _read(body: Any, kind: type[Body]) -> tuple[MemberRef, Body] | None:
    try:
        found = msgspec.convert(body, kind)
    except msgspec.ValidationError:
        return None
    who = _reference(found.member)
    return None if who is None else (who, found)


def _reference(who: Who) -> MemberRef | None:
    """The one way in which a member is named; None for none and for several."""
    found: list[MemberRef] = []
    if who.id is not None:
        found.append(MemberRef("id", who.id))
    if who.external_id is not None:
        found.append(external(who.external_id.channel, who.external_id.id))
    if who.member_no is not None:
        found.append(MemberRef("member_no", who.member_no))
    return found[0] if len(found) == 1 else None
