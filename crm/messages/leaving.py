"""Opting out by a link: at once, as often as somebody likes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members import consents
from crm.messages.links import Leaving
from crm.messages.states import CONSENT

LIVING = text("SELECT coalesce(merged_into, id) FROM member WHERE id = :id AND status <> 'erased'")
NOTE = text("""
    INSERT INTO message_event (message_id, id, kind, at)
    SELECT id, uuidv7(), 'opted_out', :now FROM message WHERE id = :id
""")


def leave(leaving: Leaving, *, now: datetime) -> bool:
    """Record that the member wants no more marketing by this channel; False when that was known,
    or he is no member any more. Under an erased or merged record, the one that lives on counts.
    """
    member_id: UUID | None = db.session.execute(LIVING, {"id": leaving.member_id}).scalar()
    if member_id is None:
        return False
    left = False
    for channel in CONSENT[leaving.channel]:
        current = {(one.channel, one.purpose): one for one in consents.current(member_id)}
        decided = current.get((channel, "marketing"))
        if decided is not None and not decided.granted:
            continue
        given = {"granted": False, "source": "unsubscribe_link", "proof": str(leaving.message_id)}
        consents.set_one(member_id, channel, "marketing", given, now=now)
        left = True
    if left:
        db.session.execute(NOTE, {"id": leaving.message_id, "now": now})
    return left
