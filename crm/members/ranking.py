"""The ranked keys of members: what staff type all day and fits many, newest visit first.

`member.name_keys` finds every part of a name, but an index over arrays can't return the most
recent first. So the keys that are short and common have rows of their own, in the order of the
answer: `#4471`, two neighbouring ideographs, initials.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members.names.writing import is_ideographic

VOWELS = set("aeiouv")
SYLLABLE_STARTS = {"zh", "ch", "sh"}
ENDING = 4


def is_ranked(key: str) -> bool:
    """Whether a key of a name has ranked rows: two ideographs, or initials and nothing else."""
    if len(key) == 2 and is_ideographic(key[0]):
        return True
    return (
        2 <= len(key) <= 4
        and key.isascii()
        and key.isalpha()
        and key not in SYLLABLE_STARTS
        and not VOWELS & set(key)
    )


def ending_key(digits: str) -> str:
    """The key of the last four digits of a phone."""
    return f"#{digits[-ENDING:]}"


def keys(name_keys: Iterable[str], *phones: str | None) -> list[str]:
    """All ranked keys of one member."""
    found = [key for key in name_keys if is_ranked(key)]
    return found + [ending_key(phone) for phone in phones if phone]


def rewrite(member_id: UUID) -> None:
    """Write the rows of one member anew, after a change of name, phone, store or status."""
    db.session.flush()
    db.session.execute(text("DELETE FROM member_find WHERE member_id = :id"), {"id": member_id})
    row = db.session.execute(
        text("""
            SELECT m.name_keys, coalesce(m.home_store, '') AS store,
                   ARRAY(SELECT p.value FROM member_identity p
                         WHERE p.member_id = m.id AND p.kind = 'phone') AS phones,
                   CAST(coalesce(m.last_seen_at, m.created_at) AT TIME ZONE 'UTC' AS date)
                       AS seen_on
            FROM member m
            WHERE m.id = :id AND m.status = 'active'
        """),
        {"id": member_id},
    ).one_or_none()
    if row is not None:
        _insert(keys(row.name_keys, *row.phones), row.store, row.seen_on, member_id)


def _insert(found: Sequence[str], store: str, seen_on: object, member_id: UUID) -> None:
    db.session.execute(
        text("""
            INSERT INTO member_find (key, store, seen_on, member_id)
            SELECT DISTINCT key, :store, CAST(:seen_on AS date), CAST(:id AS uuid)
            FROM unnest(CAST(:keys AS text[])) AS key
        """),
        {"keys": list(found), "store": store, "seen_on": seen_on, "id": member_id},
    )


REFRESH = text("""
    UPDATE member_find f
    SET seen_on = CAST(coalesce(m.last_seen_at, m.created_at) AT TIME ZONE 'UTC' AS date)
    FROM member m WHERE m.id = f.member_id
     AND f.seen_on <> CAST(coalesce(m.last_seen_at, m.created_at) AT TIME ZONE 'UTC' AS date)
""")

BEHIND = text("""
    SELECT 1 FROM member_find f JOIN member m ON m.id = f.member_id
    WHERE f.seen_on <> CAST(coalesce(m.last_seen_at, m.created_at) AT TIME ZONE 'UTC' AS date)
    LIMIT 1
""")


def refresh() -> int:
    """Bring the days of all rows up to date with the visits; returns how many rows moved."""
    done = db.session.execute(REFRESH)
    return done.rowcount  # type: ignore[attr-defined]  # of an UPDATE


def is_behind() -> bool:
    """Whether any row is behind the visits."""
    return db.session.execute(BEHIND).scalar() is not None
