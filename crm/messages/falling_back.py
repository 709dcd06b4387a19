"""Falling back: a message that its first template can't bring to the member goes by its second.

What can be known when a message is planned may be otherwise when it goes: the address bounced or is
gone. Then it becomes a message of its second template, of another channel, if the member can be
reached by that as things stand; it is judged anew in that channel's turn. It does so once. Who
takes his consent back is not written to by another way.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.messages import reaching
from crm.messages.states import Reason

BAD_ADDRESS = frozenset({Reason.NO_ADDRESS, Reason.ADDRESS_SUPPRESSED})

NEXT = text("""
    SELECT DISTINCT fallback_template_id FROM message
    WHERE id = ANY (:ids) AND state IN ('suppressed', 'failed')
      AND fallback_template_id IS NOT NULL ORDER BY 1
""")
FALL_BACK = text(f"""
    WITH {reaching.WAYS}, going AS (
        SELECT g.id, t.channel, t.purpose FROM message g
        JOIN message_template t ON t.id = g.fallback_template_id
        JOIN member own ON own.id = g.member_id
        CROSS JOIN LATERAL ({
    reaching.REACHED.format(
        member="(CASE WHEN own.status = 'merged' THEN own.merged_into ELSE own.id END)"
    )
}) y
        WHERE g.id = ANY (:ids) AND g.state IN ('suppressed', 'failed')
          AND g.fallback_template_id = :template AND y.why IS NULL
    ), fallen AS (
        UPDATE message m
        SET channel = y.channel, purpose = y.purpose, template_id = m.fallback_template_id,
            template_version = m.fallback_version, fallback_template_id = NULL,
            fallback_version = NULL, state = 'waiting', reason = NULL, due_at = :now,
            finished_at = NULL, attempts = 0, provider = NULL, address = NULL, local_day = NULL
        FROM going y WHERE m.id = y.id
        RETURNING m.id, y.channel
    )
    INSERT INTO message_event (message_id, id, kind, at, data)
    SELECT f.id, uuidv7(), 'fell_back', :now, jsonb_build_object('code', f.channel) FROM fallen f
    RETURNING message_id
""")  # noqa: S608  # constants of the rooms


def fall_back(ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Let those of these messages go by their second template that can: they were just found to
    reach nobody by their first. The caller has them locked. Returns which."""
    if not ids:
        return set()
    fallen: set[UUID] = set()
    for template in db.session.scalars(NEXT, {"ids": list(ids)}).all():
        values = {"ids": list(ids), "template": template, "now": now}
        fallen |= set(db.session.scalars(FALL_BACK, values | {"ways": reaching.ways([template])}))
    return fallen
