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

PATTERN = r"[A-Za-z0-9_-]{16,128}"
MOST = 20

SEE = text("""
    INSERT INTO member_fingerprint (member_id, value, first_seen_at)
    SELECT m, v, :now FROM unnest(CAST(:members AS uuid[]), CAST(:values AS uuid[])) AS s (m, v)
    ORDER BY m, v ON CONFLICT DO NOTHING
""")
SHARED = text("""
    SELECT DISTINCT b.member_id FROM member_fingerprint a
    JOIN member_fingerprint b ON b.value = a.value AND b.member_id <> a.member_id
    WHERE a.member_id = :member AND b.member_id = ANY (:others)
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


def shared(member_id: UUID, others: Sequence[UUID]) -> set[UUID]:
    """Those of `others` who share a device or a payment instrument with a member."""
    if not others:
        return set()
    return set(db.session.scalars(SHARED, {"member": member_id, "others": list(others)}))
