"""How a member is named by others: one normalised value of one kind belongs to one member."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import config, db
from crm.members import contacts
from crm.members.errors import IdentityConflict, MemberMerged, MemberNotFound

__all__ = [
    "IdentityConflict",
    "MemberNotFound",
    "MemberRef",
    "absent",
    "external",
    "parse_ref",
    "record_of",
    "require",
    "resolve",
    "resolve_many",
    "selves",
]

WECHAT = {"wechat_openid": "wechat_openid", "wechat_unionid": "wechat_unionid"}


@dataclass(frozen=True)
class MemberRef:
    """One way to name a member.

    `kind`: id (the value is a UUID), phone, email, member_no, external:<channel>, wechat_openid,
    wechat_unionid. `value` is normalised.
    """

    kind: str
    value: str


def external(channel: str, value: str) -> MemberRef:
    """The reference by an id that another system gave. WeChat's ids are kinds of their own."""
    return MemberRef(WECHAT.get(channel, f"external:{channel}"), value)


def parse_ref(given: Mapping[str, Any], at: str = "") -> MemberRef:
    """The API's member reference, loaded by `MemberRefIn`, with its value normalised.

    Raises `Invalid`; its pointer begins with `at`.
    """
    kind, value = next(iter(given.items()))
    if kind == "phone":
        return MemberRef("phone", contacts.phone(value, config().phone_region, f"{at}/phone"))
    if kind == "email":
        return MemberRef("email", contacts.email(value, f"{at}/email"))
    if kind == "external_id":
        return external(value["channel"], value["id"])
    return MemberRef(kind, str(value))


RESOLVE = text("""
    SELECT coalesce(i.member_id, m.merged_into, m.id)
    FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]))
         WITH ORDINALITY AS asked (kind, value, place)
    LEFT JOIN member_identity i ON i.kind = asked.kind AND i.value = asked.value
    LEFT JOIN member m ON asked.kind = 'id' AND m.status IN ('active', 'merged')
         AND m.id = CASE WHEN asked.kind = 'id' THEN CAST(asked.value AS uuid) END
    ORDER BY asked.place
""")


def resolve_many(refs: Sequence[MemberRef]) -> list[UUID | None]:
    """The members of these references, in their order, None for unknown ones. One statement.

    The id of a record that was merged names the member it was merged into, as its number does.
    """
    if not refs:
        return []
    kinds, values = [ref.kind for ref in refs], [ref.value for ref in refs]
    return list(db.session.execute(RESOLVE, {"kinds": kinds, "values": values}).scalars())


def resolve(ref: MemberRef) -> UUID | None:
    """The member of a reference, or None."""
    return resolve_many([ref])[0]


def require(ref: MemberRef) -> UUID:
    """The member of a reference. Raises `MemberNotFound`."""
    found = resolve(ref)
    if found is None:
        raise MemberNotFound()
    return found


def record_of(ref: MemberRef) -> UUID:
    """The record that a reference names, also one that was merged or erased, by its own id.

    Raises `MemberNotFound` for an unknown phone, address, number or id of another system.
    """
    return UUID(ref.value) if ref.kind == "id" else require(ref)


def absent(member_id: UUID) -> MemberNotFound:
    """The refusal for an id that is no active member's: unknown, erased, or merged into whom."""
    into = db.session.scalar(
        text("SELECT merged_into FROM member WHERE id = :id AND status = 'merged'"),
        {"id": member_id},
    )
    return MemberNotFound() if into is None else MemberMerged(merged_into=str(into))


def selves(member_id: UUID) -> list[UUID]:
    """The member's own id and those of the records that were merged into his."""
    merged = db.session.scalars(
        text("SELECT id FROM member WHERE merged_into = :id ORDER BY id"), {"id": member_id}
    )
    return [member_id, *merged]
