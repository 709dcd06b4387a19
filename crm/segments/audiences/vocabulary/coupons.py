"""`coupon.*`: which coupons a member holds, got and used, by their templates."""

from datetime import datetime

from sqlalchemy import select

from crm.coupons.models import CouponTemplate
from crm.db import db
from crm.i18n import N_
from crm.segments.audiences.field import Choice, Field
from crm.segments.audiences.kinds import IDS

MOST_TEMPLATES = 200

# One past its expiry can't be used, whatever its row says; one in a cart still is the member's.
USABLE = """
    SELECT c.member_id FROM coupon c JOIN coupon_template t ON t.id = c.template_id
    WHERE {match} AND c.member_id IS NOT NULL AND c.state IN ('issued', 'reserved')
      AND (c.expires_at IS NULL OR c.expires_at > {now})
      AND (t.valid_from IS NULL OR t.valid_from <= {now}) {within}"""
GOT = """
    SELECT c.member_id FROM coupon c
    WHERE {match} AND c.member_id IS NOT NULL AND c.issued_at <= {now} {within}"""
USED = """
    SELECT c.used_member AS member_id FROM coupon c
    WHERE {match} AND c.used_member IS NOT NULL AND c.state = 'used' {within}"""


def templates(_: datetime) -> list[Choice]:
    """The newest coupon templates, by name."""
    newest = select(CouponTemplate.id, CouponTemplate.name).order_by(CouponTemplate.id.desc())
    found = db.session.execute(newest.limit(MOST_TEMPLATES))
    return sorted((Choice(str(row.id), row.name) for row in found), key=lambda one: one.label)


FIELDS = (
    Field(
        "coupon.usable",
        N_("Holds a coupon"),
        N_("One that can be used now, of this template or of any."),
        IDS,
        USABLE,
        column="c.template_id",
        choices=templates,
    ),
    Field(
        "coupon.expiring",
        N_("Holds a coupon that expires"),
        N_("One that can be used now and ends within so many days."),
        IDS,
        USABLE,
        column="c.template_id",
        at="c.expires_at",
        window="required",
        ahead=True,
        choices=templates,
    ),
    Field(
        "coupon.received",
        N_("Was given a coupon"),
        N_("Of this template or of any, ever or within so many days."),
        IDS,
        GOT,
        column="c.template_id",
        at="c.issued_at",
        window="optional",
        choices=templates,
    ),
    Field(
        "coupon.used",
        N_("Used a coupon"),
        N_("Of this template or of any, ever or within so many days."),
        IDS,
        USED,
        column="c.template_id",
        at="c.used_at",
        window="optional",
        choices=templates,
    ),
)
