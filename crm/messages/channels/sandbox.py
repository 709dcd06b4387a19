"""The sandbox's sink: keeps what would have been sent, for `GET /sandbox/messages`."""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from sqlalchemy import text

from crm import clock
from crm.db import as_rows, db, transaction
from crm.messages.channels.provider import Accepted, Outcome, Outgoing

KEEP = text("""
    INSERT INTO sandbox_message (id, member_id, channel, address, locale, subject, text, html,
                                 headers, at)
    -- Mail to staff is no message to a member: it has no row.
    SELECT r.id, CASE WHEN m.id IS NOT NULL THEN r.member_id END, coalesce(m.channel, 'email'),
           r.address, r.locale, r.subject, r.text, r.html, r.headers, :now
    FROM json_to_recordset(CAST(:rows AS json)) AS r (id uuid, member_id uuid, address text,
        locale text, subject text, text text, html text, headers jsonb)
    LEFT JOIN message m ON m.id = r.id
    ON CONFLICT (id) DO NOTHING
""")


class Sink:
    """Takes everything, once: the message's id is the key."""

    name = "sandbox"
    batch = 200
    honours_references: ClassVar[bool] = True

    def send(self, batch: Sequence[Outgoing], *, seconds: float) -> Sequence[Outcome]:
        """Keep them, in a transaction of its own."""
        rows = [self._row(one) for one in batch]
        with transaction():
            db.session.execute(KEEP, {"rows": as_rows(rows), "now": clock.now()})
        return [Accepted(ref=str(one.id)) for one in batch]

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        """Nothing: sending again does no harm."""
        return {}

    def _row(self, one: Outgoing) -> dict[str, object]:
        headers = {"List-Unsubscribe": f"<{one.unsubscribe}>"} if one.unsubscribe else {}
        return {
            "id": one.id,
            "member_id": one.member_id,
            "address": one.address,
            "locale": one.language.locale,
            "headers": headers,
            **{name: one.part(name) for name in ("subject", "text", "html")},
        }
