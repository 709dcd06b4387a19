"""Codes for what was decided: new ones, or from the pool, under the template's lock."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from crm.coupons import alphabet, worth
from crm.coupons.history import Wanted
from crm.coupons.models import CouponTemplate
from crm.db import as_rows, db
from crm.http.problems import Contended

FREE = """
    SELECT code FROM coupon
    WHERE template_id = :template AND member_id IS NULL
      AND (state = 'issued' OR (state = 'reserved' AND reserved_until <= :now))
    ORDER BY code LIMIT :count
"""
TAKE = text(FREE + " FOR UPDATE SKIP LOCKED")
COUNT_FREE = text(f"SELECT count(*) FROM ({FREE}) free")  # noqa: S608  # a constant of this module

_given = """
    SELECT g.code, g.member_id, g.occasion,
           CASE WHEN CAST(:days AS integer) IS NULL THEN CAST(:until AS timestamptz)
                ELSE coupon_expiry(:now, :days, coalesce(m.timezone, s.timezone, z.zone))
           END AS expires_at
    FROM json_to_recordset(CAST(:rows AS json)) AS g (code text, member_id uuid, occasion text)
    CROSS JOIN (SELECT shop_timezone(:now) AS zone) z
    JOIN member m ON m.id = g.member_id
    LEFT JOIN store s ON s.code = m.home_store
"""
NEW = text(f"""
    INSERT INTO coupon (code, template_id, member_id, occasion, source_type, source_id,
                        bought_with_points, created_at, issued_at, expires_at, committed)
    SELECT code, :template, member_id, occasion, :source_type, :source_id, :bought, :now, :now,
           expires_at, :committed
    FROM ({_given}) n ON CONFLICT (code) DO NOTHING RETURNING code
""")  # noqa: S608  # as above
ASSIGN = text(f"""
    UPDATE coupon c
    SET member_id = n.member_id, occasion = n.occasion, source_type = :source_type,
        source_id = :source_id, bought_with_points = :bought, issued_at = :now,
        expires_at = n.expires_at, committed = :committed, state = 'issued', reserved_for = NULL,
        reserved_until = NULL
    FROM ({_given}) n WHERE c.code = n.code RETURNING c.code
""")  # noqa: S608  # as above


def hand_out(
    template: CouponTemplate,
    wanted: Sequence[Wanted],
    now: datetime,
    source: tuple[str, str],
    *,
    bought: bool,
) -> list[str | None]:
    """Write what was decided; a code for each wish, None where the pool has no more."""
    if not wanted:
        return []
    codes = _take(template, len(wanted), now) if template.has_pool else None
    cost = worth.most(template) or 0
    values = {
        "template": template.id, "now": now, "until": template.valid_until,
        "days": template.valid_days, "source_type": source[0], "source_id": source[1],
        "bought": bought, "committed": cost,
    }  # fmt: skip
    if codes is not None:
        _run(ASSIGN, wanted, codes, values)
        template.pool -= len(codes)
    else:
        codes = alphabet.draw(len(wanted))
        if len(_run(NEW, wanted, codes, values)) < len(codes):
            raise Contended(retry_after=1)  # a code was drawn before: once in a million years
    template.issued += len(codes)
    template.committed += len(codes) * cost
    db.session.flush()
    return [*codes, *[None] * (len(wanted) - len(codes))]


def _run(statement, wanted: Sequence[Wanted], codes: Sequence[str], values: dict) -> set[str]:
    rows = [
        {"code": code, "member_id": one.member_id, "occasion": one.occasion}
        for one, code in zip(wanted, codes, strict=False)
    ]
    if not rows:
        return set()
    return set(db.session.scalars(statement, values | {"rows": as_rows(rows)}))


def _take(template: CouponTemplate, count: int, now: datetime) -> list[str]:
    """Codes of the pool, locked; fewer when it has no more."""
    values = {"template": template.id, "now": now, "count": count}
    codes = list(db.session.scalars(TAKE, values))
    if len(codes) < count and db.session.scalar(COUNT_FREE, values) > len(codes):
        raise Contended(retry_after=1)  # somebody is using a code that would be left
    return codes
