"""Coupons that go back before anybody was told of them: to their pool, or out of the count."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from crm.coupons import templates
from crm.db import db

# Used and reserved ones stay: somebody has found them.
LOCKED = text("""
    SELECT code, template_id, committed FROM coupon
    WHERE code = ANY (:codes) AND state = 'issued' AND member_id IS NOT NULL
    ORDER BY code FOR UPDATE
""")
VOID = text("""
    UPDATE coupon SET state = 'void', voided_at = :now, void_reason = :reason, committed = 0
    WHERE code = ANY (:codes)
""")
TO_POOL = text("""
    UPDATE coupon SET member_id = NULL, occasion = NULL, source_type = NULL, source_id = NULL,
           issued_at = NULL, expires_at = :until, committed = 0, bought_with_points = false
    WHERE code = ANY (:codes)
""")


def take_back(codes: Sequence[str], *, reason: str, now: datetime) -> int:
    """Take these coupons from their members, as if they had not been given; returns how many.

    A code of a pool goes back into it, another is void. Stock, budget and limits count them no
    more. Used, reserved and void ones stay as they are.
    """
    rows = db.session.execute(LOCKED, {"codes": list(codes)}).all()
    by_template: dict = {}
    for row in rows:
        by_template.setdefault(row.template_id, []).append(row)
    for template_id, template in templates.lock(list(by_template)).items():
        gone = by_template[template_id]
        values = {"codes": [row.code for row in gone]}
        if template.has_pool:
            db.session.execute(TO_POOL, values | {"until": template.valid_until})
            template.pool += len(gone)
        else:
            db.session.execute(VOID, values | {"now": now, "reason": reason})
        template.issued -= len(gone)
        template.committed -= sum(row.committed for row in gone)
    db.session.flush()
    return len(rows)
