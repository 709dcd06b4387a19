"""What the messages of an arm would carry, while nothing is given yet: for previews, tests and
checks. All but a coupon's code is what it will be."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from crm.campaigns import coupon_values
from crm.campaigns.models import CampaignArm
from crm.coupons import templates
from crm.coupons.models import CouponTemplate
from crm.db import db

CODE = "XXXXXXXXXX"  # what stands for a coupon that is not given yet
EXPIRY = text("SELECT coupon_expiry(:now, :days, shop_timezone(:now))")


def variables(arm: CampaignArm, now: datetime) -> dict[str, Any]:
    """What an arm's gift adds to its message, as `giving.give` would at this instant."""
    found: dict[str, Any] = {}
    if arm.coupon_template_id:
        coupon = templates.many([arm.coupon_template_id])[arm.coupon_template_id]
        values = coupon_values.of_templates([coupon.id], now)[coupon.id]
        found["coupon"] = coupon_values.with_code(values, CODE, _expires_at(coupon, now))
    if arm.points:
        found["points"] = {"amount": arm.points}
    return found


def _expires_at(coupon: CouponTemplate, now: datetime) -> datetime | None:
    if coupon.valid_days is None:
        return coupon.valid_until
    return db.session.execute(EXPIRY, {"now": now, "days": coupon.valid_days}).scalar_one()
