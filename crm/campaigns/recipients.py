"""Who a campaign is for, member by member: arm, state and why; also who has no message yet."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import drafts
from crm.db import db
from crm.http.pagination import decode, page

LISTED = """
    SELECT r.member_id, b.member_no, b.name, r.arm, r.due_at, m.id AS message, m.sent_at,
           m.variables #>> '{{coupon,code}}' AS coupon, s.state,
           CASE WHEN m.id IS NULL THEN r.reason ELSE m.reason END AS reason
    FROM campaign_member r
    JOIN member b ON b.id = r.member_id
    LEFT JOIN message m ON m.member_id = r.member_id AND m.source_type = 'campaign'
        AND m.source_id = CAST(r.campaign_id AS text)
    CROSS JOIN LATERAL (
        SELECT coalesce(m.state, CASE WHEN r.arm IS NULL THEN 'suppressed'
                                      WHEN r.arm = 0 THEN 'holdout' ELSE 'waiting' END) AS state
    ) AS s
    WHERE r.campaign_id = :campaign AND r.member_id > :after {wanted}
    ORDER BY r.member_id LIMIT :limit
"""
ONE = text("""
    SELECT r.member_id FROM campaign_member r JOIN member m ON m.id = r.member_id
    WHERE r.campaign_id = :campaign AND r.arm > 0 AND m.status = 'active'
    ORDER BY r.member_id LIMIT 1
""")
WANTED = {
    "arm": "AND r.arm = :arm",
    "state": "AND s.state = :state",
    "reason": "AND coalesce(m.reason, r.reason) = :reason",
}
FIRST = UUID(int=0)


def listed(campaign_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of them by member, narrowed to `arm`, `state`, `reason`. Raises `CampaignNotFound`."""
    drafts.get(campaign_id)
    after = decode(query["cursor"], UUID)
    given = {name: query[name] for name in WANTED if query.get(name) is not None}
    statement = LISTED.format(wanted=" ".join(WANTED[name] for name in given))
    values = given | {"campaign": campaign_id, "after": after[0] if after else FIRST}
    rows = db.session.execute(text(statement), values | {"limit": query["limit"] + 1}).all()
    found = page(rows, query["limit"], lambda row: (str(row.member_id),))
    return found | {"data": [_shown(row) for row in found["data"]]}


def one_of(campaign_id: UUID) -> list[UUID]:
    """One member who gets it, to show it on; nobody while none is known."""
    return list(db.session.scalars(ONE, {"campaign": campaign_id}))


def _shown(row: Any) -> dict[str, Any]:
    member = {"id": row.member_id, "member_no": row.member_no, "name": row.name}
    names = ("arm", "state", "reason", "due_at", "sent_at", "message", "coupon")
    return {"member": member} | {name: getattr(row, name) for name in names}
