"""Surveys of two records of one person: they change hands, and go back when a merge is undone."""

from uuid import UUID

from sqlalchemy import text

from crm.db import db

MOVE = text("""
    UPDATE survey SET member_id = :into, came_with = :gone
    WHERE id IN (SELECT id FROM survey WHERE member_id = :gone ORDER BY id FOR UPDATE)
""")
BACK = text("""
    UPDATE survey SET member_id = :gone, came_with = NULL
    WHERE id IN (
        SELECT id FROM survey WHERE member_id = :into AND came_with = :gone
        ORDER BY id FOR UPDATE)
""")


def move(gone: UUID, into: UUID) -> None:
    """Let `into` have the surveys of `gone`. Both records are locked."""
    db.session.execute(MOVE, {"gone": gone, "into": into})


def give_back(gone: UUID, into: UUID) -> None:
    """Give `gone` the surveys back that came with him. Both records are locked."""
    db.session.execute(BACK, {"gone": gone, "into": into})
