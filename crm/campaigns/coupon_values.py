"""What messages say of a coupon: its name, what it is worth, from how much on, until when."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm.coupons import templates
from crm.coupons.models import CouponTemplate
from crm.errors import N_
from crm.i18n import LOCALES, gettext, use
from crm.messages.templates.showing import money
from crm.points import rulebook

INSTANT = timedelta(microseconds=1)
FREE_SHIPPING = N_("free shipping")
MULTIPLIED = N_("points × {factor}")


def of_templates(ids: Iterable[UUID], now: datetime) -> dict[UUID, dict[str, Any]]:
    """`name`, `value` (by language) and `min_basis` of these templates, by id."""
    wanted = list(ids)
    if not wanted:
        return {}
    currency = rulebook.load().programme_at(now).currency
    return {one: _values(found, currency) for one, found in templates.many(wanted).items()}


def with_code(values: Mapping[str, Any], code: str, expires_at: datetime | None) -> dict[str, Any]:
    """The same of one coupon: also its `code`, and the last day on which it can be used."""
    said = {**values, "code": code}
    if expires_at is not None:
        said["expires_on"] = (expires_at - INSTANT).isoformat()  # the end is exclusive
    return said


def _values(found: CouponTemplate, currency: str) -> dict[str, Any]:
    said: dict[str, Any] = {"name": found.name, "value": worth(found, currency)}
    if found.min_basis:
        said["min_basis"] = {"amount": found.min_basis, "currency": currency}
    return said


def worth(found: CouponTemplate, currency: str) -> dict[str, str]:
    """What it is good for, in every language: ¥20.00, 15%, the gift's name, free shipping."""
    return {locale: _worth(found, currency, locale) for locale in LOCALES}


def _worth(found: CouponTemplate, currency: str, locale: str) -> str:
    if found.kind == "amount":
        return money(found.value, currency, locale)
    if found.kind == "percent":
        return f"{found.value}%"
    with use(locale):
        if found.kind == "points_multiplier" and found.factor is not None:
            return gettext(MULTIPLIED).format(factor=f"{found.factor.normalize():f}")
        if found.kind == "gift":
            return (found.gift or {}).get("name") or found.name
        return gettext(FREE_SHIPPING)
