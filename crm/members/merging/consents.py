"""Consents of two records of one person: the stricter decision counts, every decision is kept.

Decisions are compared, not their absence: where only one record has decided, that decision counts.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from crm.db import db
from crm.ids import uuid7
from crm.members import consents
from crm.members.models import MemberConsent

FACTS = ("channel", "purpose", "granted", "at", "wording", "source", "proof", "actor")


def move(from_id: UUID, into_id: UUID, now: datetime) -> dict[str, Any]:
    """Let the stricter decisions of both count for `into_id`. Returns what an undo needs."""
    theirs, own = decisions(from_id), decisions(into_id)
    taken = []
    for key, given in theirs.items():
        mine = own.get(key)
        if is_stricter(mine, given):
            if mine is not None:
                _close([mine.id], into_id, now)
            copy = _copy(given, into_id)
            taken.append({"id": str(copy.id), "instead_of": mine and str(mine.id)})
    closed = [one.id for one in theirs.values()]
    _close(closed, from_id, now)
    known = [str(one.id) for one in own.values()]
    return {"closed": [str(one) for one in closed], "taken": taken, "own": known}


def give_back(from_id: UUID, into_id: UUID, moved: dict[str, Any], now: datetime) -> None:
    """Let both have their own decisions again. What was refused while they were one, both keep."""
    _close(map(UUID, moved["closed"]), from_id, None)
    standing = {str(one.id) for one in decisions(into_id).values()}
    old = {one["id"] for one in moved["taken"]} | set(moved["own"])
    for one in moved["taken"]:
        if one["id"] in standing:
            _close([UUID(one["id"])], into_id, now)
            if one["instead_of"]:
                _close([UUID(one["instead_of"])], into_id, None)
    theirs = decisions(from_id)
    for key, decision in decisions(into_id).items():
        is_news = str(decision.id) not in old
        known = theirs.get(key)
        if is_news and not decision.granted and (known is None or known.granted):
            if known is not None:
                _close([known.id], from_id, now)
            _copy(decision, from_id)


def is_stricter(mine: MemberConsent | None, given: MemberConsent) -> bool:
    """Whether the other record's decision counts instead of one's own, or of none."""
    return mine is None or (mine.granted and not given.granted)


def decisions(member_id: UUID) -> dict[tuple[str, str], MemberConsent]:
    """The decisions that count now, by channel and purpose."""
    return {(one.channel, one.purpose): one for one in consents.current(member_id)}


def _copy(given: MemberConsent, member_id: UUID) -> MemberConsent:
    facts = {name: getattr(given, name) for name in FACTS}
    copy = MemberConsent(id=uuid7(), member_id=member_id, **facts)
    db.session.add(copy)
    db.session.flush()
    return copy


def _close(ids: Iterable[UUID], member_id: UUID, at: datetime | None) -> None:
    """Decisions stop counting at an instant; None: they count again."""
    db.session.execute(
        update(MemberConsent)
        .where(MemberConsent.member_id == member_id, MemberConsent.id.in_(list(ids)))
        .values(superseded_at=at)
    )
