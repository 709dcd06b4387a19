"""Messages of two records of one person, when a merge is undone.

A merge moves no message: each keeps the member it was planned for, and the record that lives on
shows those of the other as its own. What was handed to the one that lives on meanwhile goes back.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.messages import waking
from crm.messages.states import Reason

# In the inbox (and the sandbox) stands whom a message was given to; whose it is says the message.
HANDED_BACK = tuple(
    text(f"""
        UPDATE {table} k SET member_id = :gone FROM message m
        WHERE k.member_id = :into AND m.id = k.id AND m.member_id = :gone
    """)  # noqa: S608  # one of two names that stand here
    for table in ("inbox_message", "sandbox_message")
)
# Marketing for a merged record is held back; what is not too late yet may go after all.
AGAIN = text("""
    UPDATE message SET state = 'waiting', reason = NULL, finished_at = NULL, due_at = :now
    WHERE member_id = :gone AND state = 'suppressed' AND reason = :reason
      AND finished_at >= :since AND not_after > :now
""")


def give_back(gone: UUID, into: UUID, *, since: datetime, now: datetime) -> int:
    """Give `gone` its messages back, from the merge at `since` on. Both records are locked.

    Returns how many that were held back for the merge are due again.
    """
    for statement in HANDED_BACK:
        db.session.execute(statement, {"gone": gone, "into": into})
    values = {"gone": gone, "since": since, "now": now, "reason": Reason.DUPLICATE_PERSON}
    again: int = db.session.execute(AGAIN, values).rowcount  # type: ignore[attr-defined]
    if again:
        waking.wake(now)
    return again
