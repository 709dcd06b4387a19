"""Cases of two records of one person: they change hands, and go back when a merge is undone."""

from uuid import UUID

from sqlalchemy import text

from crm.cases import stops
from crm.db import db

MOVE = text("""
    UPDATE member_case SET member_id = :into, came_with = :gone
    WHERE id IN (SELECT id FROM member_case WHERE member_id = :gone ORDER BY id FOR UPDATE)
    RETURNING id
""")
BACK = text("""
    UPDATE member_case SET member_id = :gone, came_with = NULL
    WHERE id IN (
        SELECT id FROM member_case WHERE member_id = :into AND came_with = :gone
        ORDER BY id FOR UPDATE)
    RETURNING id
""")


def move(gone: UUID, into: UUID) -> int:
    """Let `into` have the cases of `gone`, and the stops of his open ones. Both records are
    locked. Returns how many."""
    moved = list(db.session.scalars(MOVE, {"gone": gone, "into": into}))
    stops.move(moved, gone, into)
    return len(moved)


def give_back(gone: UUID, into: UUID) -> int:
    """Give `gone` the cases back that came with him, as they stand now. Both records are locked."""
    moved = list(db.session.scalars(BACK, {"gone": gone, "into": into}))
    stops.move(moved, into, gone)
    return len(moved)
