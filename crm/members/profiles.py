"""Members as other rooms see them: facts for rules, and what those rooms find out about members.

Every function is one statement, whatever the number of members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members.identity import absent
from crm.members.registration import register, register_many

__all__ = [
    "MemberFacts",
    "assign_segments",
    "assign_segments_of",
    "facts",
    "register",
    "register_many",
    "require",
    "require_facts",
    "seen_again",
    "seen_many",
]


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What rules ask of a member.

    `zone`: name of the member's time zone, else the home store's, else the programme's.
    `birthday_month`: 1 to 12 of the solar calendar; None when unknown or lunar.
    """

    zone: str
    birthday_month: int | None
    segment: str | None
    home_store: str | None
    created_at: datetime


FACTS = text("""
    SELECT m.id, coalesce(m.timezone, s.timezone, :zone) AS zone,
           CASE WHEN m.birthday_calendar = 'solar' THEN m.birthday_month END AS birthday_month,
           m.segment, m.home_store, m.created_at
    FROM member m LEFT JOIN store s ON s.code = m.home_store
    WHERE m.id = ANY(:ids) AND m.status = 'active'
""")

SEEN = text("""
    UPDATE member m SET last_seen_at = seen.at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[])) AS seen (id, at)
    WHERE m.id = seen.id AND (m.last_seen_at IS NULL OR m.last_seen_at < seen.at)
""")

ASSIGN_OF = """
    UPDATE member m SET segment = given.code FROM ({query}) given
    WHERE m.id = given.id AND m.segment IS DISTINCT FROM given.code
"""
ASSIGN = text("""
    UPDATE member m SET segment = given.code
    FROM unnest(CAST(:ids AS uuid[]), CAST(:codes AS text[])) AS given (id, code)
    WHERE m.id = given.id AND m.segment IS DISTINCT FROM given.code
""")


def facts(ids: Sequence[UUID], *, default_zone: str) -> dict[UUID, MemberFacts]:
    """The facts of active members by id; unknown ids are left out."""
    if not ids:
        return {}
    rows = db.session.execute(FACTS, {"ids": list(ids), "zone": default_zone})
    return {member_id: MemberFacts(*rest) for member_id, *rest in rows}


def require_facts(member_id: UUID, *, default_zone: str) -> MemberFacts:
    """The facts of one member. Raises `MemberNotFound`."""
    found = facts([member_id], default_zone=default_zone).get(member_id)
    if found is None:
        raise absent(member_id)
    return found


ACTIVE = "SELECT 1 FROM member WHERE id = :id AND status = 'active'"


def require(member_id: UUID, *, to_write: bool = False) -> UUID:
    """The id again, when it is an active member's. Raises `MemberNotFound`.

    `to_write`: a merge waits for this transaction, or this call for the merge.
    """
    lock = " FOR KEY SHARE" if to_write else ""
    if db.session.execute(text(ACTIVE + lock), {"id": member_id}).scalar() is None:
        raise absent(member_id)
    return member_id


def seen_many(seen: Mapping[UUID, datetime]) -> None:
    """Members bought at these instants; only a later one than is known counts."""
    if seen:
        # In one order everywhere, so that two writers never wait for each other.
        ids = sorted(seen)
        db.session.execute(SEEN, {"ids": ids, "ats": [seen[one] for one in ids]})


SEEN_AGAIN = text("""
    UPDATE member m SET last_seen_at = coalesce(seen.at, m.created_at)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[])) AS seen (id, at)
    WHERE m.id = seen.id
""")


def seen_again(bought: Mapping[UUID, datetime | None], ids: Sequence[UUID]) -> None:
    """Tell anew when these members were last seen: at their last purchase, else on joining."""
    db.session.execute(SEEN_AGAIN, {"ids": list(ids), "ats": [bought.get(one) for one in ids]})


def assign_segments(ids: Sequence[UUID], codes: Sequence[str | None]) -> int:
    """Give members their current segment (None: none); returns how many changed."""
    if not ids:
        return 0
    done = db.session.execute(ASSIGN, {"ids": list(ids), "codes": list(codes)})
    return done.rowcount  # type: ignore[attr-defined]  # of an UPDATE


def assign_segments_of(query: str, values: Mapping[str, Any]) -> None:
    """The same for all whom a query of the caller's names, as rows (id, code)."""
    db.session.execute(text(ASSIGN_OF.format(query=query)), values)
