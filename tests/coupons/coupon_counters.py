"""The counters of templates against their coupons."""

from sqlalchemy import text

from crm.db import db

FACTS = text("""
    SELECT t.id, t.pool, t.issued, t.used, t.value_used, t.committed,
           count(c.code) FILTER (WHERE c.member_id IS NULL AND c.state IN ('issued', 'reserved'))
               AS real_pool,
           count(c.code) FILTER (WHERE c.state <> 'void'
               AND (c.member_id IS NOT NULL OR c.state = 'used')) AS real_issued,
           count(c.code) FILTER (WHERE c.state = 'used') AS real_used,
           coalesce(sum(c.value_used), 0) AS real_value,
           coalesce(sum(c.committed), 0) AS real_committed
    FROM coupon_template t LEFT JOIN coupon c ON c.template_id = t.id GROUP BY t.id
""")


def counters_are_true() -> None:
    """Every template's counters are what its coupons say."""
    db.session.rollback()
    for row in db.session.execute(FACTS):
        kept = (row.pool, row.issued, row.used, row.value_used, row.committed)
        real = (row.real_pool, row.real_issued, row.real_used, row.real_value, row.real_committed)
        assert kept == real, row
