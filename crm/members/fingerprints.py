"""Devices and means of payment, as hashes that shops send: to see when two members share one.

Only a digest of the hash is kept. Nothing is refused for it; who looks at referrals is told.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.http import fields
from crm.ids import digest_id
from crm.members import identity

PATTERN = r"[A-Za-z0-9_-]{16,128}"
MOST = 20

SEE = text("""
    INSERT INTO member_fingerprint (member_id, value, first_seen_at)
    SELECT m, v, :now FROM unnest(CAST(:members AS uuid[]), CAST(:values AS uuid[])) AS s (m, v)
    ORDER BY m, v ON CONFLICT DO NOTHING
""")
SHARED = text("""
    SELECT EXISTS (
        SELECT 1 FROM member_fingerprint a JOIN member_fingerprint b ON b.value = a.value
        JOIN member m ON m.id = a.member_id JOIN member o ON o.id = b.member_id
        WHERE a.member_id = ANY (:selves) AND coalesce(o.merged_into, o.id) = ANY (:others)
          AND coalesce(o.merged_into, o.id) <> coalesce(m.merged_into, m.id))
""")


def field(**kwargs: Any) -> fields.Items:
    """The field of a body: at most twenty hashes of 16 to 128 letters, digits, `_` and `-`."""
    return fields.Items(fields.Text(128, low=16, pattern=PATTERN), MOST, **kwargs)


def see(seen: Iterable[tuple[UUID, Sequence[str]]], *, now: datetime) -> None:
    """Note that these members used these; in the caller's transaction, one statement."""
    pairs = {(member, digest_id("fingerprint", one)) for member, ones in seen for one in ones}
    if pairs:
        members, values = zip(*pairs, strict=True)
        db.session.execute(SEE, {"members": list(members), "values": list(values), "now": now})


def are_shared(member_id: UUID, others: Sequence[UUID]) -> bool:
    """Whether a member shares a device or a means of payment with one of others, all of them with
    the records that were merged into theirs."""
    selves = identity.selves(member_id)
    given = {"selves": selves, "others": list(others)}
    return bool(others) and bool(db.session.scalar(SHARED, given))
