"""Messages of two records of one person: merged, and parted again.

A merge moves no message: each keeps the member it was planned for, and the record that lives on
shows those of the other as its own and is told what waits. How many messages he has had today and
this week is counted together. When a merge is undone, what was handed to the one that lives on
meanwhile goes back.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db
from crm.messages import waking
from crm.messages.states import Reason

DAYS = text("""
    INSERT INTO message_day AS d (member_id, day, sent)
    SELECT :into, day, sent FROM message_day WHERE member_id = :gone AND sent > 0 ORDER BY day
    ON CONFLICT (member_id, day) DO UPDATE SET sent = d.sent + excluded.sent
""")
MOVED = text("DELETE FROM message_day WHERE member_id = :gone AND sent > 0 RETURNING day, sent")
DAYS_BACK = text("""
    WITH r AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS r (day date, sent smallint)
    ), less AS (
        UPDATE message_day d SET sent = greatest(d.sent - r.sent, 0)
        FROM r WHERE d.member_id = :into AND d.day = r.day
    )
    INSERT INTO message_day AS d (member_id, day, sent) SELECT :gone, r.day, r.sent FROM r
    ON CONFLICT (member_id, day) DO UPDATE SET sent = d.sent + excluded.sent
""")
# In the inbox (and the sandbox) stands whom a message was given to; whose it is says the message.
HANDED_BACK = tuple(
    text(f"""
        UPDATE {table} k SET member_id = :gone FROM message m
        WHERE k.member_id = :into AND m.id = k.id AND m.member_id = :gone
    """)  # noqa: S608  # one of two names that stand here
    for table in ("inbox_message", "sandbox_message")
)
# What was held back because the person had it by the other record already.
AGAIN = text("""
    UPDATE message SET state = 'waiting', reason = NULL, finished_at = NULL, due_at = :now
    WHERE member_id = :gone AND state = 'suppressed' AND reason = :reason
      AND finished_at >= :since AND not_after > :now
""")


def move(gone: UUID, into: UUID) -> list[dict[str, Any]]:
    """Let the messages that `gone` has had count against the caps of `into`. Both records are
    locked. Returns what an undo needs."""
    db.session.execute(DAYS, {"gone": gone, "into": into})
    rows = db.session.execute(MOVED, {"gone": gone})
    return [{"day": row.day.isoformat(), "sent": row.sent} for row in rows]


def give_back(
    gone: UUID, into: UUID, days: Sequence[dict[str, Any]], *, since: datetime, now: datetime
) -> int:
    """Give `gone` its messages back, from the merge at `since` on, and `days` that `move` moved.
    Both records are locked.

    Returns how many that were held back for the merge are due again.
    """
    db.session.execute(DAYS_BACK, {"gone": gone, "into": into, "rows": as_rows(days)})
    for statement in HANDED_BACK:
        db.session.execute(statement, {"gone": gone, "into": into})
    values = {"gone": gone, "since": since, "now": now, "reason": Reason.DUPLICATE_PERSON}
    again: int = db.session.execute(AGAIN, values).rowcount  # type: ignore[attr-defined]
    if again:
        waking.wake(now)
    return again
