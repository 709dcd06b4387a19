"""No marketing while a case is open: a row of `message_block` for each, in the same transaction.

The row names the case, so the last one that is closed lifts the stop, in whatever order they close.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db

REASON = "open_case"

STOP = text("""
    INSERT INTO message_block (member_id, reason, ref, since)
    VALUES (:member, :reason, :ref, :now) ON CONFLICT DO NOTHING
""")
LIFT = text(
    "DELETE FROM message_block WHERE reason = :reason AND member_id = :member AND ref = :ref"
)
MOVE = text("""
    UPDATE message_block SET member_id = :to
    WHERE reason = :reason AND member_id = :from AND ref = ANY (:refs)
""")


def stop(member_id: UUID, case_id: UUID, *, now: datetime) -> None:
    """From now on no marketing to this member, because of this case."""
    values = {"member": member_id, "reason": REASON, "ref": str(case_id), "now": now}
    db.session.execute(STOP, values)


def lift(member_id: UUID, case_id: UUID) -> None:
    """This case stands in the way no more."""
    db.session.execute(LIFT, {"member": member_id, "reason": REASON, "ref": str(case_id)})


def move(case_ids: list[UUID], from_id: UUID, to_id: UUID) -> None:
    """These cases are another record's now, and so is what they stop."""
    refs = [str(one) for one in case_ids]
    db.session.execute(MOVE, {"from": from_id, "to": to_id, "reason": REASON, "refs": refs})
