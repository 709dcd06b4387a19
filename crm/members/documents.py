"""A member as the API shows him, for one or for a page of them: four statements, however many."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.db import config, db
from crm.http import principal
from crm.members import contacts
from crm.members.identity import absent
from crm.members.models import Member, MemberIdentity, MemberTag
from crm.members.tiers import storage as tiers

PLAIN = (
    "id",
    "member_no",
    "status",
    "name",
    "gender",
    "locale",
    "timezone",
    "home_store",
    "source",
    "referred_by",
    "attributes",
    "segment",
    "created_at",
    "updated_at",
    "last_seen_at",
)


def document(member_id: UUID, *, now: datetime) -> dict[str, Any]:
    """One member. Raises `MemberNotFound` for unknown and erased ones, `MemberMerged`."""
    found = documents([member_id], now=now)
    if not found:
        raise absent(member_id)
    return found[0]


def documents(
    ids: Sequence[UUID], *, now: datetime, masked: bool | None = None
) -> list[dict[str, Any]]:
    """The active members among `ids`, in their order.

    `masked`: phones and e-mail addresses are shown in part. By default staff see them so:
    revealing them is an act of its own.
    """
    members = {
        member.id: member
        for member in db.session.scalars(
            select(Member).where(Member.id.in_(ids), Member.status == "active")
        )
    }
    identities = _identities(ids)
    tags = _tags(ids)
    standings = tiers.shown_many(members, now)
    masked = principal().kind == "staff" if masked is None else masked
    return [
        _profile(members[one])
        | (_masked(identities[one]) if masked else _open(identities[one]))
        | {"tags": tags[one], "tier": _tier(standings.get(one))}
        for one in ids
        if one in members
    ]


# A member's own before those that came with merged records; the first phone is the one shown.
IN_ORDER = (
    MemberIdentity.kind,
    MemberIdentity.came_with.nulls_first(),
    MemberIdentity.value,
)


def _identities(ids: Sequence[UUID]) -> dict[UUID, list[MemberIdentity]]:
    found: dict[UUID, list[MemberIdentity]] = defaultdict(list)
    query = (
        select(MemberIdentity)
        .where(MemberIdentity.member_id.in_(ids), MemberIdentity.kind != "member_no")
        .order_by(*IN_ORDER)
    )
    for row in db.session.scalars(query):
        found[row.member_id].append(row)
    return found


def _tags(ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = defaultdict(list)
    for row in db.session.scalars(
        select(MemberTag).where(MemberTag.member_id.in_(ids)).order_by(MemberTag.tag)
    ):
        found[row.member_id].append(row.tag)
    return found


def _open(identities: Sequence[MemberIdentity]) -> dict[str, Any]:
    shown: dict[str, Any] = {"phone": None, "email": None, "external_ids": []}
    for one in identities:
        if one.kind in ("phone", "email"):
            shown[one.kind] = shown[one.kind] or one.value
        else:
            channel = one.kind.removeprefix("external:")
            shown["external_ids"].append({"channel": channel, "id": one.value})
    return shown


def _masked(identities: Sequence[MemberIdentity]) -> dict[str, Any]:
    shown = _open(identities)
    if shown["phone"]:
        shown["phone"] = contacts.masked_phone(shown["phone"], config().phone_region)
    if shown["email"]:
        shown["email"] = contacts.masked_email(shown["email"])
    return shown


def _profile(member: Member) -> dict[str, Any]:
    shown = {name: getattr(member, name) for name in PLAIN}
    shown["birthday"] = member.birthday_month and {
        "month": member.birthday_month,
        "day": member.birthday_day,
        "year": member.birthday_year,
        "calendar": member.birthday_calendar,
    }
    return shown


def _tier(shown: tiers.Shown | None) -> dict[str, Any] | None:
    return shown and {
        "code": shown.code,
        "name": shown.name,
        "since": shown.since,
        "valid_until": shown.valid_until,
    }
