"""Who is in an audience, a page at a time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm.db import db
from crm.http.pagination import decode, page
from crm.segments.audiences import compiling, saving

NOBODY = UUID(int=0)
PAGE = """
    SELECT m.id, m.member_no FROM ({}) a JOIN member m ON m.id = a.member_id
    WHERE a.member_id > :page_after ORDER BY a.member_id LIMIT :page_most
"""


def members(audience_id: UUID, limit: int, cursor: str | None, *, now: datetime) -> dict[str, Any]:
    """A page of an audience's members by id. Raises `AudienceNotFound`."""
    saving.get(audience_id)
    (after,) = decode(cursor, UUID) or (NOBODY,)
    found = compiling.audience(audience_id, now)
    values = found.params | {"page_after": after, "page_most": limit + 1}
    rows = db.session.execute(found.statement(PAGE), values).all()
    shown = page(rows, limit, lambda row: (row.id,))
    return shown | {"data": [{"id": row.id, "member_no": row.member_no} for row in shown["data"]]}
