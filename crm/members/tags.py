"""Words on a member: put on, taken off, found again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from crm import audit
from crm.db import db
from crm.errors import N_, Unprocessable
from crm.members import events, profiles
from crm.members.models import MemberTag

MOST_TAGS = 100


class TooManyTags(Unprocessable):
    """A member has as many tags as he may have (422)."""

    code = "too_many_tags"
    detail = N_("A member may have at most {most} tags.")


def of(member_id: UUID) -> list[str]:
    """The member's tags in order."""
    query = select(MemberTag.tag).where(MemberTag.member_id == member_id).order_by(MemberTag.tag)
    return list(db.session.scalars(query))


def add(member_id: UUID, tag: str, *, now: datetime) -> list[str]:
    """Put a tag on; nothing happens when it is there. Returns all tags.

    Raises `MemberNotFound` and `TooManyTags`.
    """
    profiles.require(member_id, to_write=True)
    new = db.session.execute(
        insert(MemberTag)
        .values(member_id=member_id, tag=tag, added_at=now)
        .on_conflict_do_nothing()
        .returning(MemberTag.tag)
    ).scalar()
    if new is not None:
        _refuse_too_many(member_id)
        _remember(member_id, "tag_added", tag, now)
    return of(member_id)


def remove(member_id: UUID, tag: str, *, now: datetime) -> None:
    """Take a tag off; nothing happens when it is not there. Raises `MemberNotFound`."""
    profiles.require(member_id, to_write=True)
    gone = db.session.execute(
        delete(MemberTag)
        .where(MemberTag.member_id == member_id, MemberTag.tag == tag)
        .returning(MemberTag.tag)
    ).scalar()
    if gone is not None:
        _remember(member_id, "tag_removed", tag, now)


def _refuse_too_many(member_id: UUID) -> None:
    count = db.session.scalar(
        select(func.count()).select_from(MemberTag).where(MemberTag.member_id == member_id)
    )
    if count is not None and count > MOST_TAGS:
        raise TooManyTags(most=MOST_TAGS)


def _remember(member_id: UUID, kind: str, tag: str, now: datetime) -> None:
    events.record(member_id, kind, at=now, tag=tag)
    audit.record(f"member.{kind}", "member", member_id, after={"tag": tag}, now=now)
