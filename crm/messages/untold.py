"""Who is told that a message was not to be sent after all: rooms above, by the type of its source.

They have given something that is of no use without its word, and take it back.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db

# Called in the transaction that suppresses: put a task, and take no locks.
Tell = Callable[[Sequence[UUID], datetime], object]

SUPPRESSED = text("""
    SELECT source_type, array_agg(id ORDER BY id) AS ids FROM message
    WHERE id = ANY (:ids) AND state = 'suppressed' AND source_type = ANY (:types)
    GROUP BY source_type ORDER BY source_type
""")

_asked: dict[str, Tell] = {}


def ask(source_type: str, function: Tell) -> None:
    """Let a room above hear of its messages that were suppressed; once, on import."""
    assert source_type not in _asked, source_type
    _asked[source_type] = function


def tell(ids: Sequence[UUID], now: datetime) -> None:
    """Say which of these messages are suppressed as things stand now."""
    if not ids or not _asked:
        return
    values = {"ids": list(ids), "types": list(_asked)}
    for row in db.session.execute(SUPPRESSED, values).all():
        _asked[row.source_type](row.ids, now)
