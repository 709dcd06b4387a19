"""The demo shop's journeys: on where a tea shop would have them on, each with a gift of its own.

Who can't be reached by mail gets a text message.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from crm.campaigns.journeys import switching, wordings
from crm.coupons import templates
from crm.coupons.models import CouponTemplate
from crm.db import db

GIFTS: dict[str, dict[str, Any]] = {
    "birthday": {"name": "生日礼券 ¥20", "kind": "amount", "value": 2_000, "min_basis": 10_000},
    "win_back": {"name": "好久不见 9 折", "kind": "percent", "value": 10, "max_discount": 5_000},
    "repurchase": {"name": "复购礼券 ¥15", "kind": "amount", "value": 1_500, "min_basis": 8_000},
}
ON: dict[str, dict[str, Any]] = {
    "welcome": {"points": 50},
    "birthday": {"points": 100},
    "after_sale": {"days_after_delivery": 7},
    "repurchase": {},
    "win_back": {"days": 120},
    "points_expiring": {"days_before": 14, "min_points": 100},
    "tier_up": {},
    "tier_at_risk": {"days_before": 30},
    "holiday": {},
}


def switch_on(now: datetime) -> None:
    """Make the default templates and the coupons, and switch the journeys on; again it changes
    nothing, and what somebody has changed stays."""
    wordings.install(now=now)
    for one in switching.listed():
        code = one.journey.code
        if one.version or code not in ON:
            continue
        texts = wordings.template_of(one.journey, "sms", now=now)
        settings = ON[code] | {"fallback_template": str(texts)}
        if code in GIFTS:
            settings["coupon_template"] = str(_coupon(GIFTS[code], now))
        switching.change(code, {"enabled": True, "settings": settings}, now=now)


def _coupon(terms: dict[str, Any], now: datetime):
    known = db.session.scalar(select(CouponTemplate.id).filter_by(name=terms["name"]))
    return known or templates.create({**terms, "valid_days": 30}, now=now).id
