"""What is done to coupons by hand stands in the audit trail: given as a favour, taken back."""

from datetime import datetime
from uuid import UUID

from crm import audit
from crm.coupons.models import Coupon


def given(coupon: Coupon, member_id: UUID, *, now: datetime) -> None:
    """Staff or a program gave a coupon."""
    _note("coupon.given", coupon, now, member_id=member_id)


def voided(coupon: Coupon, *, reason: str, now: datetime) -> None:
    """Somebody took a coupon back."""
    _note("coupon.voided", coupon, now, member_id=coupon.member_id, reason=reason)


def _note(
    action: str, coupon: Coupon, now: datetime, *, member_id: UUID | None, reason: str | None = None
) -> None:
    after = {
        "template_id": str(coupon.template_id),
        "member_id": str(member_id) if member_id else None,
        "state": coupon.state,
    }
    audit.record(action, "coupon", coupon.code, now=now, after=after, reason=reason)
