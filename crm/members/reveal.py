"""Showing a masked phone or e-mail address in full: an act that is written down."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from crm import audit
from crm.db import db
from crm.members import profiles
from crm.members.documents import IN_ORDER
from crm.members.models import MemberIdentity


def contacts_of(member_id: UUID, *, now: datetime) -> dict[str, str | None]:
    """The phone and the e-mail address in full. Raises `MemberNotFound`; audited."""
    profiles.require(member_id)
    query = (
        select(MemberIdentity)
        .where(MemberIdentity.member_id == member_id, MemberIdentity.kind.in_(("phone", "email")))
        .order_by(*IN_ORDER)
    )
    found: dict[str, str] = {}
    for one in db.session.scalars(query):
        found.setdefault(one.kind, one.value)
    audit.record("member.revealed", "member", member_id, after={"shown": sorted(found)}, now=now)
    return {"phone": found.get("phone"), "email": found.get("email")}
