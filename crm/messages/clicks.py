"""Clicks and openings of mails: each link of a message counts once, and so does its opening.

What was told once is told for ever: programs that follow every link many times add nothing. Who
was erased leaves no new traces, nor does who does not agree to profiling (any more).
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import call, db
from crm.ids import uuid7
from crm.messages import wording
from crm.messages.callbacks.told import Kind
from crm.messages.errors import LinkNotValid

CARRIED = text("""
    SELECT template_id, template_version, locale FROM message
    WHERE id = :id AND template_id IS NOT NULL AND locale IS NOT NULL
""")
# A statement of its own, and harmless when it is said twice.
NOTE = """
    INSERT INTO message_event (message_id, id, kind, at, provider, provider_event, data)
    SELECT m.id, %s::uuid, %s::text, %s::timestamptz, 'links', m.id::text || '.' || %s::text,
           jsonb_strip_nulls(jsonb_build_object('link', %s::text))
    FROM message m JOIN member o ON o.id = m.member_id
    WHERE m.id = %s AND o.status <> 'erased' AND EXISTS (
        SELECT FROM member_consent c
        WHERE c.member_id = o.id AND c.channel = m.channel AND c.purpose = 'profiling'
          AND c.granted AND c.superseded_at IS NULL)
    ON CONFLICT (provider, provider_event) WHERE provider_event IS NOT NULL DO NOTHING
    RETURNING true
"""


def target(message_id: UUID, number: int) -> str:
    """Where a link of a message leads. Raises `LinkNotValid` where it has none of this number."""
    row = db.session.execute(CARRIED, {"id": message_id}).one_or_none()
    if row is None:
        raise LinkNotValid()
    key = (row.template_id, row.template_version)
    language = wording.ready([key])[key].get(row.locale)
    if language is None or number >= len(language.links):
        raise LinkNotValid()
    return language.links[number]


def clicked(message_id: UUID, number: int, address: str, *, now: datetime) -> bool:
    """Write down that somebody followed a link; False when that was known."""
    return _note(message_id, Kind.CLICKED, str(number), address, now)


def opened(message_id: UUID, *, now: datetime) -> bool:
    """Write down that somebody looked at a message; False when that was known."""
    return _note(message_id, Kind.OPENED, "opened", None, now)


def _note(message_id: UUID, kind: Kind, what: str, address: str | None, now: datetime) -> bool:
    values = (uuid7(), kind.value, now, what, address, message_id)
    return call(NOTE, values) is not None
