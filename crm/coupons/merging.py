"""Coupons of two records of one person: they change hands, and go back when a merge is undone."""

from uuid import UUID

from sqlalchemy import text

from crm.db import db

# Both may have had one for the same occasion: who asks again gets the one of the record that lives
# on; the other keeps a name of its own, so that neither is given a third.
MOVE = text("""
    UPDATE coupon c
    SET member_id = :into, came_with = :gone,
        occasion = CASE WHEN EXISTS (
            SELECT FROM coupon o WHERE o.template_id = c.template_id AND o.member_id = :into
                AND o.occasion = c.occasion) THEN c.occasion || ' of ' || :gone
            ELSE c.occasion END
    WHERE c.code IN (SELECT code FROM coupon WHERE member_id = :gone ORDER BY code FOR UPDATE)
""")
USED = text("UPDATE coupon SET used_member = :into WHERE used_member = :gone")
BACK = text("""
    UPDATE coupon c
    SET member_id = :gone, came_with = NULL, occasion = replace(c.occasion, ' of ' || :gone, ''),
        used_member = CASE WHEN c.used_member = :into THEN CAST(:gone AS uuid) END
    WHERE c.code IN (
        SELECT code FROM coupon WHERE member_id = :into AND came_with = :gone
        ORDER BY code FOR UPDATE)
""")


def move(gone: UUID, into: UUID) -> int:
    """Let `into` have the coupons of `gone`. Both records are locked. Returns how many."""
    both = {"gone": str(gone), "into": str(into)}
    done = db.session.execute(MOVE, both)
    db.session.execute(USED, both)
    return done.rowcount  # type: ignore[attr-defined]  # of an UPDATE


def give_back(gone: UUID, into: UUID) -> None:
    """Give `gone` back the coupons that came with it, used ones too. Both records are locked."""
    db.session.execute(BACK, {"gone": str(gone), "into": str(into)})
