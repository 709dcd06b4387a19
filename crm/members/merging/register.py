"""The register of merges: what may be merged and undone, and what was."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select

from crm.db import db
from crm.http.fields import instant_text
from crm.ids import uuid7
from crm.members.errors import (
    MemberErased,
    MergeChain,
    MergeCycle,
    MergeFinal,
    MergeNotFound,
    MergeNotLast,
)
from crm.members.identity import MemberNotFound
from crm.members.models import Member, MemberMerge

UNDO = timedelta(days=30)


def records(ids: tuple[UUID, UUID], *, lock: bool = False) -> tuple[Member, Member]:
    """Two records, whatever became of them, in the order asked for. Raises `MemberNotFound`.

    `lock`: ascending by id, until the transaction ends; what hangs on them waits as well.
    """
    query = select(Member).where(Member.id.in_(ids)).order_by(Member.id)
    if lock:
        query = query.with_for_update()
    found = {
        one.id: one for one in db.session.scalars(query.execution_options(populate_existing=True))
    }
    if set(ids) - set(found):
        raise MemberNotFound()
    return found[ids[0]], found[ids[1]]


def check(gone: Member, kept: Member, *, now: datetime) -> MemberMerge | None:
    """Whether `gone` may go into `kept`: None, or the merge that has done so already.

    Raises `MemberErased`, `MergeCycle`, `MergeChain`.
    """
    for one in (gone, kept):
        if one.status == "erased":
            raise MemberErased(member_id=str(one.id))
    standing = db.session.scalar(select(MemberMerge).filter_by(from_id=gone.id, undone_at=None))
    if standing is not None and standing.into_id == kept.id:
        return standing
    if kept.merged_into == gone.id:
        raise MergeCycle()
    for one in (gone, kept):
        if one.status == "merged":
            raise MergeChain(member_id=str(one.id), merged_into=str(one.merged_into))
    if _into(gone.id, since=now - UNDO) is not None:
        raise MergeChain(member_id=str(gone.id))
    return None


def _into(member_id: UUID, *, since: datetime) -> UUID | None:
    """A merge into this member that can still be undone."""
    return db.session.scalar(
        select(MemberMerge.id).where(
            MemberMerge.into_id == member_id,
            MemberMerge.undone_at.is_(None),
            MemberMerge.at > since,
        )
    )


def write(
    merge_id: UUID,
    gone: Member,
    kept: Member,
    moved: Mapping[str, Any],
    *,
    actor: str,
    at: datetime,
) -> MemberMerge:
    """Keep a merge with what its undo needs."""
    merge = MemberMerge(
        id=merge_id, from_id=gone.id, into_id=kept.id, at=at, actor=actor, moved=dict(moved)
    )
    db.session.add(merge)
    db.session.flush()
    return merge


def new_id() -> UUID:
    """The id of a merge to come: every room marks by it what it moves."""
    return uuid7()


def find(merge_id: UUID, *, lock: bool = False) -> MemberMerge:
    """One merge. Raises `MergeNotFound`."""
    query = select(MemberMerge).filter_by(id=merge_id).execution_options(populate_existing=True)
    merge = db.session.scalar(query.with_for_update() if lock else query)
    if merge is None:
        raise MergeNotFound()
    return merge


def check_undo(merge: MemberMerge, gone: Member, kept: Member, *, now: datetime) -> None:
    """Whether a merge can be undone. Raises `MemberErased`, `MergeFinal`, `MergeNotLast`."""
    for one in (gone, kept):
        if one.status == "erased":
            raise MemberErased(member_id=str(one.id))
    if now >= merge.at + UNDO:
        raise MergeFinal(undo_until=instant_text(merge.at + UNDO))
    later = db.session.scalar(
        select(MemberMerge.id)
        .where(
            MemberMerge.id > merge.id,
            MemberMerge.undone_at.is_(None),
            or_(MemberMerge.into_id == kept.id, MemberMerge.from_id == kept.id),
        )
        .order_by(MemberMerge.id.desc())
        .limit(1)
    )
    if later is not None:
        raise MergeNotLast(merge_id=str(later))


def close(merge: MemberMerge, *, actor: str, at: datetime) -> None:
    """Mark a merge as undone."""
    merge.undone_at, merge.undone_by = at, actor
    db.session.flush()


def number_of(member_id: UUID) -> str:
    """The member number of a record, also of one that was merged."""
    return db.session.scalars(select(Member.member_no).where(Member.id == member_id)).one()


def of_member(member_id: UUID) -> list[MemberMerge]:
    """The merges that a member's record took part in, the newest first."""
    query = (
        select(MemberMerge)
        .where(or_(MemberMerge.into_id == member_id, MemberMerge.from_id == member_id))
        .order_by(MemberMerge.id.desc())
        .limit(50)
    )
    return list(db.session.scalars(query))
