"""Everything that happened with a member, newest first, out of all rooms by one statement."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.http.pagination import decode, page
from crm.members import identity

_EVENTS = """
    SELECT at, id, kind, data FROM member_event
    WHERE member_id = ANY (:selves) AND (at, id) < (:at, :id)
      AND (member_id = :member OR kind <> 'merged_into')
    ORDER BY at DESC, id DESC LIMIT :limit
"""

_ORDERS = """
    SELECT placed_at AS at, id, 'order' AS kind, jsonb_build_object(
        'channel', channel, 'order_no', order_no, 'status', status, 'store', store,
        'total', jsonb_build_object('amount', total, 'currency', currency), 'points', points)
    FROM orders
    WHERE member_id = :member AND (placed_at, id) < (:at, :id)
    ORDER BY placed_at DESC, id DESC LIMIT :limit
"""

# A refund has no id of its own: its key makes one.
_REFUNDS = """
    SELECT r.refunded_at AS at, r.id, 'refund' AS kind, jsonb_build_object(
        'channel', r.channel, 'order_no', r.order_no, 'refund_no', r.refund_no,
        'value', jsonb_build_object('amount', r.value, 'currency', r.currency))
    FROM (
        SELECT r.*, o.currency,
               CAST(md5(r.channel || chr(31) || r.order_no || chr(31) || r.refund_no) AS uuid) AS id
        FROM orders o JOIN order_refund r ON r.order_id = o.id WHERE o.member_id = :member
    ) r
    WHERE (r.refunded_at, r.id) < (:at, :id)
    ORDER BY at DESC, id DESC LIMIT :limit
"""

_POINTS = """
    SELECT occurred_at AS at, id, 'points' AS kind, jsonb_build_object(
        'kind', kind, 'points', points, 'balance_after', balance_after, 'seq', seq,
        'source', jsonb_build_object('type', source_type, 'id', source_id), 'reason', reason)
    FROM points_entry
    WHERE member_id = ANY (:selves) AND (occurred_at, id) < (:at, :id)
      AND (member_id = :member OR kind <> 'merge')
    ORDER BY at DESC, id DESC LIMIT :limit
"""

# Coupons keep the instants of what happened to them; each makes an event, with an id of its own.
_COUPONS = """
    SELECT at, id, kind, data FROM (
        SELECT e.at, CAST(md5(c.code || chr(31) || e.kind) AS uuid) AS id, e.kind,
               jsonb_build_object('code', c.code, 'template', jsonb_build_object(
                   'id', t.id, 'name', t.name)) || e.data AS data
        FROM coupon c JOIN coupon_template t ON t.id = c.template_id
        CROSS JOIN LATERAL (VALUES
            ('coupon_given', c.issued_at, c.member_id = :member,
             jsonb_build_object('expires_at', c.expires_at, 'source', CASE
                 WHEN c.source_type IS NOT NULL
                 THEN jsonb_build_object('type', c.source_type, 'id', c.source_id) END)),
            ('coupon_used', c.used_at, c.state = 'used' AND c.used_member = :member,
             jsonb_build_object('channel', c.used_channel, 'order_no', c.used_order_no,
                                'discount', c.value_used)),
            ('coupon_voided', c.voided_at, c.member_id = :member,
             jsonb_build_object('reason', c.void_reason))
        ) AS e (kind, at, is_his, data)
        WHERE (c.member_id = :member OR c.used_member = :member)
          AND e.at IS NOT NULL AND e.is_his
    ) AS told
    WHERE (at, id) < (:at, :id)
    ORDER BY at DESC, id DESC LIMIT :limit
"""

_CASES = """
    SELECT e.at, e.id, 'case' AS kind, jsonb_build_object(
        'case_id', c.id, 'event', e.kind, 'subject', c.subject, 'kind', c.kind,
        'rating', c.rating, 'reason', CASE WHEN e.kind = 'closed' THEN c.reason END,
        'actor', e.actor)
    FROM member_case c JOIN member_case_event e ON e.case_id = c.id
    WHERE c.member_id = :member AND e.kind IN ('opened', 'closed', 'reopened')
      AND (e.at, e.id) < (:at, :id)
    ORDER BY e.at DESC, e.id DESC LIMIT :limit
"""

_SURVEYS = """
    SELECT s.answered_at AS at, s.id, 'survey' AS kind, jsonb_build_object(
        'rating', s.rating, 'text', s.text, 'points', s.granted, 'channel', o.channel,
        'order_no', o.order_no)
    FROM survey s LEFT JOIN orders o ON o.id = s.order_id
    WHERE s.member_id = :member AND s.answered_at IS NOT NULL
      AND (s.answered_at, s.id) < (:at, :id)
    ORDER BY s.answered_at DESC, s.id DESC LIMIT :limit
"""

_WHOLE = "SELECT * FROM ({parts}) t ORDER BY at DESC, id DESC LIMIT :limit"

# What each permission lets see.
SOURCES = {
    "members:read": [_EVENTS],
    "orders:read": [_ORDERS, _REFUNDS, _SURVEYS],
    "points:read": [_POINTS],
    "coupons:read": [_COUPONS],
    "cases:read": [_CASES],
}
LATEST = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
LAST_ID = UUID(int=2**128 - 1)


def read(
    member_id: UUID, limit: int, cursor: str | None, *, permissions: Collection[str]
) -> dict[str, Any]:
    """A page of items {id, at, kind, data}; kinds are order, refund, points, coupon_given,
    coupon_used, coupon_voided, case, survey and the events of the members' room. Only what these
    permissions let see. What happened with records that were merged into the member's belongs to
    it."""
    at, last = decode(cursor, datetime.fromisoformat, UUID) or (LATEST, LAST_ID)
    parts = [
        f"({part})"
        for permission, found in SOURCES.items()
        if permission in permissions
        for part in found
    ]
    rows = db.session.execute(
        text(_WHOLE.format(parts=" UNION ALL ".join(parts))),
        {
            "member": member_id,
            "selves": identity.selves(member_id),
            "at": at,
            "id": last,
            "limit": limit + 1,
        },
    )
    items = [{"id": row[1], "at": row[0], "kind": row[2], "data": row[3]} for row in rows]
    return page(items, limit, lambda item: (item["at"].isoformat(), item["id"]))
