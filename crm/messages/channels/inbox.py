"""The in-app inbox: messages kept for the member, read by the shop's app through the API."""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from sqlalchemy import text

from crm import clock
from crm.config import Config
from crm.db import as_rows, db, transaction
from crm.messages.channels.provider import Accepted, Outcome, Outgoing
from crm.messages.channels.sandbox import Sink

KEEP = text("""
    INSERT INTO inbox_message (id, member_id, purpose, locale, subject, text, at)
    SELECT id, member_id, purpose, locale, subject, text, :now
    FROM json_to_recordset(CAST(:rows AS json)) AS r (
        id uuid, member_id uuid, purpose text, locale text, subject text, text text)
    ON CONFLICT (id) DO NOTHING
""")


class Inbox:
    """Keeps everything, once: the message's id is the key. The sandbox shows it too."""

    name = "inbox"
    batch = 200
    honours_references: ClassVar[bool] = True

    def __init__(self, sink: Sink | None = None) -> None:
        self.sink = sink

    def send(self, batch: Sequence[Outgoing], *, seconds: float) -> Sequence[Outcome]:
        """Keep them, in a transaction of its own."""
        rows = [_row(one) for one in batch]
        with transaction():
            db.session.execute(KEEP, {"rows": as_rows(rows), "now": clock.now()})
        if self.sink is not None:
            self.sink.send(batch, seconds=seconds)
        return [Accepted() for _ in batch]

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        """Nothing: keeping it again does no harm."""
        return {}


def _row(one: Outgoing) -> dict[str, object]:
    return {
        "id": one.id,
        "member_id": one.member_id,
        "purpose": one.purpose,
        "locale": one.language.locale,
        "subject": one.part("subject"),
        "text": one.part("text"),
    }


def make(settings: Config) -> Inbox:
    """Every shop has one."""
    return Inbox(Sink() if settings.sandbox else None)
