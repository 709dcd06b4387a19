"""Lists of members by identity, tag, tier or segment, the newest first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from crm.db import config, db
from crm.errors import N_
from crm.http import pagination
from crm.members import contacts
from crm.members.documents import documents
from crm.members.errors import invalid_field
from crm.members.identity import MemberRef, external
from crm.members.models import Member, MemberIdentity, MemberTag, TierStanding

EXTERNAL_FORM = N_("Write the channel, a colon and the id: shopify:7781.")


def page(query: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A page of active members that meet every filter of `query`. Raises `Invalid`."""
    found = select(Member.id).where(Member.status == "active")
    for ref in _references(query):
        owner = select(MemberIdentity.member_id).where(
            MemberIdentity.kind == ref.kind, MemberIdentity.value == ref.value
        )
        found = found.where(Member.id.in_(owner))
    found = _filtered(found, query)
    after = pagination.decode(query["cursor"], UUID)
    if after:
        found = found.where(Member.id < after[0])
    limit = query["limit"]
    ids = db.session.scalars(found.order_by(Member.id.desc()).limit(limit + 1)).all()
    shown = pagination.page(ids, limit, lambda one: (str(one),))
    return shown | {"data": documents(shown["data"], now=now)}


def _references(query: Mapping[str, Any]) -> list[MemberRef]:
    found = []
    if query.get("phone"):
        value = contacts.phone(query["phone"], config().phone_region)
        found.append(MemberRef("phone", value))
    if query.get("email"):
        found.append(MemberRef("email", contacts.email(query["email"])))
    if query.get("member_no"):
        found.append(MemberRef("member_no", query["member_no"]))
    if query.get("external_id"):
        channel, colon, value = query["external_id"].partition(":")
        if not (channel and colon and value):
            raise invalid_field("/external_id", "bad_format", EXTERNAL_FORM)
        found.append(external(channel, value))
    return found


def _filtered(found: Select, query: Mapping[str, Any]) -> Select:
    if query.get("tag"):
        tagged = select(MemberTag.member_id).where(MemberTag.tag == query["tag"])
        found = found.where(Member.id.in_(tagged))
    if query.get("tier"):
        held = select(TierStanding.member_id).where(TierStanding.held == query["tier"])
        found = found.where(Member.id.in_(held))
    if query.get("segment"):
        found = found.where(Member.segment == query["segment"])
    return found
