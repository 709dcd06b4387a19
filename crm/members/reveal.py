"""Showing a masked phone or e-mail address in full: an act that is written down."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from crm import audit
from crm.db import db
from crm.members import profiles
from crm.members.models import MemberIdentity


def contacts_of(member_id: UUID, *, now: datetime) -> dict[str, str | None]:
    """The phone and the e-mail address in full. Raises `MemberNotFound`; audited."""
    profiles.require(member_id)
    query = select(MemberIdentity).where(
        MemberIdentity.member_id == member_id, MemberIdentity.kind.in_(("phone", "email"))
    )
    found = {one.kind: one.value for one in db.session.scalars(query)}
    audit.record("member.revealed", "member", member_id, after={"shown": sorted(found)}, now=now)
    return {"phone": found.get("phone"), "email": found.get("email")}
