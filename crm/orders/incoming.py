"""Orders as they come in: a fast, strict reading, and a slow one that explains what is wrong.

`msgspec` accepts a good order in microseconds; whatever it does not accept goes through the
marshmallow schema, which is the authority and names every mistake.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import marshmallow as ma
import msgspec
from msgspec import Meta

from crm.coupons import alphabet
from crm.http.fields import MINOR_LIMIT, PLAIN, read_id, read_instant
from crm.http.schema import invalid
from crm.members import identity
from crm.members.fingerprints import MOST as MOST_FINGERPRINTS
from crm.members.fingerprints import PATTERN as FINGERPRINT
from crm.members.identity import MemberRef
from crm.members.schemas import MemberRefIn
from crm.orders.schemas import MOST_COUPONS, MOST_LINES, BatchOrderIn

CODE = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*\Z"
Minor = Annotated[int, Meta(ge=0, le=MINOR_LIMIT)]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]
Short = Annotated[str, Meta(min_length=1, max_length=100, pattern=PLAIN)]
Fingerprint = Annotated[str, Meta(pattern=rf"^{FINGERPRINT}\Z")]
Label = Annotated[str, Meta(min_length=1, max_length=60, pattern=PLAIN)]
if TYPE_CHECKING:
    Instant = datetime
else:
    Instant = Any  # `_finished` reads it, as the schema would


class Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line of an order; amounts in minor units."""

    line_no: Annotated[int, Meta(ge=1, le=100_000)]
    sku: Short
    name: Name
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    unit_price: Minor
    category: Short | None = None
    labels: Annotated[list[Label], Meta(max_length=30)] = []
    discount: Minor = 0


class ExternalId(msgspec.Struct, forbid_unknown_fields=True):
    """The reference that shops use most."""

    channel: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9_.-]*\Z")]
    id: Annotated[str, Meta(min_length=1, max_length=128, pattern=PLAIN)]


class ByExternalId(msgspec.Struct, forbid_unknown_fields=True):
    """`{"external_id": {"channel", "id"}}`."""

    external_id: ExternalId


class Incoming(msgspec.Struct, forbid_unknown_fields=True):
    """A whole order as a shop sends it."""

    channel: Annotated[str, Meta(min_length=1, max_length=40, pattern=CODE)]
    order_no: Annotated[str, Meta(min_length=1, max_length=64, pattern=PLAIN)]
    status: Literal["placed", "paid", "fulfilled", "delivered", "completed", "cancelled"]
    placed_at: Instant
    updated_at: Instant
    currency: Annotated[str, Meta(min_length=3, max_length=3, pattern=r"^[A-Z]{3}\Z")]
    lines: Annotated[list[Line], Meta(min_length=1, max_length=MOST_LINES)]
    member: Any = None  # a member reference; a MemberRef once `read` has read it
    paid_at: Instant | None = None
    delivered_at: Instant | None = None
    store: Annotated[str, Meta(min_length=1, max_length=64, pattern=CODE)] | None = None
    shipping: Minor = 0
    discount: Minor = 0
    tax: Minor = 0
    points_hold: Any = None  # a UUID as text; a UUID once `read` has read it
    coupons: Annotated[list[Short], Meta(max_length=MOST_COUPONS)] | None = None
    region: Annotated[str, Meta(min_length=1, max_length=40, pattern=PLAIN)] | None = None
    fingerprints: Annotated[list[Fingerprint], Meta(max_length=MOST_FINGERPRINTS)] = []

    @property
    def key(self) -> tuple[str, str]:
        """What shops know it by."""
        return self.channel, self.order_no


_schema, _member_schema = BatchOrderIn(), MemberRefIn()


def read(body: Any) -> Incoming:
    """One order from its JSON value. Raises `Invalid` naming every field that is wrong."""
    try:
        return _finished(msgspec.convert(body, Incoming))
    except (msgspec.ValidationError, ValueError):
        pass  # the schema below says what is wrong, or knows how to mend it (untrimmed text)
    try:
        return _from_schema(cast(dict[str, Any], _schema.load(body)))
    except ma.ValidationError as error:
        raise invalid(error) from None


def read_many(bodies: Sequence[Any]) -> list[Incoming]:
    """Trusted orders, as the import makes them; raises on the first that is not valid."""
    return [read(body) for body in bodies]


def _finished(order: Incoming) -> Incoming:
    """What `msgspec` left unread. Raises `ValueError` for what the schema has to explain."""
    order.placed_at = read_instant(order.placed_at)
    order.updated_at = read_instant(order.updated_at)
    if order.paid_at is not None:
        order.paid_at = read_instant(order.paid_at)
    if order.delivered_at is not None:
        order.delivered_at = read_instant(order.delivered_at)
    if order.points_hold is not None:
        order.points_hold = read_id(order.points_hold)
    if order.coupons is not None:
        order.coupons = _codes(order.coupons)
    if order.member is not None:
        order.member = _reference(order.member)
    return order


def _codes(given: Sequence[str]) -> list[str]:
    """Codes as they are stored, each once. Raises `ValueError` for what can be none."""
    found = [alphabet.normal(one) for one in given]
    if not all(map(alphabet.is_code, found)):
        raise ValueError("bad_code")
    return list(dict.fromkeys(found))


def _reference(given: Any) -> MemberRef:
    try:
        found = msgspec.convert(given, ByExternalId).external_id
        return identity.external(found.channel, found.id)
    except msgspec.ValidationError:
        pass  # another kind of reference, or a mistake: the schema knows
    try:
        reference = cast(dict[str, Any], _member_schema.load(given))
        return identity.parse_ref(reference, at="/member")
    except ma.ValidationError as error:
        raise invalid(error, at="/member") from None


def _from_schema(data: dict[str, Any]) -> Incoming:
    lines = [Line(**line) for line in data.pop("lines")]
    member = data.pop("member")
    if data["coupons"] is not None:
        data["coupons"] = list(dict.fromkeys(data["coupons"]))
    who = None if member is None else identity.parse_ref(member, at="/member")
    return Incoming(**data, member=who, lines=lines)


def is_channel(value: str) -> bool:
    """Whether a channel's name has the form that orders ask for."""
    return len(value) <= 40 and re.fullmatch(CODE, value) is not None


def is_order_no(value: str) -> bool:
    """Whether an order's or a refund's number has the form that orders ask for."""
    return len(value) <= 64 and re.fullmatch(PLAIN, value) is not None
