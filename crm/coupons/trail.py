"""What people do with coupons by hand stands in the audit trail."""

from datetime import datetime
from typing import Any

from crm import audit
from crm.coupons.models import Coupon
from crm.http.principal import principal


def note(act: str, coupon: Coupon, *, now: datetime, reason: str | None = None, **facts: Any):
    """Record an act of a member of staff; programs' acts stand in the coupon itself."""
    if principal().kind == "staff":
        after = {"template_id": str(coupon.template_id), "state": coupon.state} | facts
        audit.record(f"coupon.{act}", "coupon", coupon.code, now=now, after=after, reason=reason)
