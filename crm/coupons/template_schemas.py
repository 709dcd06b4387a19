"""Templates and their codes, in and out."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import marshmallow as ma

from crm.coupons import alphabet
from crm.coupons.models import KINDS
from crm.coupons.pool import MOST
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.fields import MINOR_LIMIT
from crm.http.pagination import PageQuery, page_of

MOST_DAYS, MOST_COUPONS = 3660, 1_000_000_000
FACTOR = r"\d{1,3}(\.\d{1,3})?"


class Code(fields.Text):
    """A coupon's code: 4 to 40 letters, digits, - and _; spaces and case do not matter."""

    default_error_messages: ClassVar = {
        "bad_code": N_("A code has 4 to 40 letters, digits, - or _.")
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(60, pattern="[A-Za-z0-9][A-Za-z0-9 _-]{2,58}[A-Za-z0-9]", **kwargs)

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        found = alphabet.normal(super()._deserialize(value, attr, data, **kwargs))
        if not alphabet.is_code(found):
            raise self.make_error("bad_code")
        return found


class CouponScopeFields(Schema):
    """The goods that the coupon is for: of these SKUs or these categories; without any, all."""

    skus = fields.Items(fields.Text(100), 500, load_default=list)
    categories = fields.Items(fields.Text(100), 500, load_default=list)


class CouponValidityFields(Schema):
    """`days` after the day of issue, to local midnight; or a window, `until` exclusive. An empty
    object is without end."""

    days = fields.Whole(0, MOST_DAYS, allow_none=True)
    from_ = fields.Instant(data_key="from", attribute="from", allow_none=True)
    until = fields.Instant(allow_none=True)


class CouponGiftFields(Schema):
    """What is given away."""

    name = fields.Text(200, required=True)
    sku = fields.Text(100, load_default=None, allow_none=True)


class CouponTemplatePatch(Schema):
    """What can be changed of a template. Once coupons exist, what they are good for is fixed:
    kind, value, factor, gift, max_discount, min_basis, scope and validity.

    `value` is in minor units (amount; gift: what it is worth), in percent, or the factor of
    points where that is whole; `factor` else ("1.5"). `budget` bounds what used coupons took off
    and open ones can still take off, in minor units. `ended`: no more coupons are given.
    """

    name = fields.Text(200)
    kind = fields.Choice(*KINDS)
    value = fields.minor()
    factor = fields.Text(7, pattern=FACTOR, allow_none=True)
    gift = fields.Nested(CouponGiftFields, allow_none=True)
    max_discount = fields.minor(allow_none=True)
    min_basis = fields.minor()
    scope = fields.Nested(CouponScopeFields)
    validity = fields.Nested(CouponValidityFields)
    per_member_limit = fields.Whole(1, 1_000_000, allow_none=True)
    stock = fields.Whole(0, MOST_COUPONS, allow_none=True)
    budget = fields.Whole(0, MINOR_LIMIT, allow_none=True)
    stackable = fields.Flag()
    returns_on_refund = fields.Flag()
    ended = fields.Flag()


class CouponTemplateIn(CouponTemplatePatch):
    """A new template. Without a validity coupons last 30 days; without limits there are none."""

    name = fields.Text(200, required=True)
    kind = fields.Choice(*KINDS, required=True)
    validity = fields.Nested(CouponValidityFields, load_default=lambda: {"days": 30})


def columns(body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The columns of a template that a body names."""
    found = dict(body)
    scope, window = found.pop("scope", None), found.pop("validity", None)
    if scope is not None:
        found |= {"skus": scope["skus"], "categories": scope["categories"]}
    if window is not None:
        found["valid_days"] = window.get("days")
        found |= {"valid_from": window.get("from"), "valid_until": window.get("until")}
    if found.get("factor") is not None:
        found["factor"] = Decimal(found["factor"])
    if "ended" in found:
        found["ended_at"] = now if found.pop("ended") else None
    return found


class CouponTemplateOut(CouponTemplateIn):
    """A template with its counters. `state` is open or ended.

    `pool`: codes that nobody has. `issued`: given, or used from the pool. `value_used`: what used
    ones took off; `committed`: what open ones of members can still take off, in minor units.
    """

    id = fields.Id()
    state = fields.Choice("open", "ended")
    has_pool = fields.Flag()
    pool = fields.Whole()
    issued = fields.Whole()
    used = fields.Whole()
    stock_left = fields.Whole(allow_none=True)
    value_used = fields.minor()
    committed = fields.minor()
    budget_left = fields.minor(allow_none=True)
    created_at = fields.Instant()
    updated_at = fields.Instant()
    created_by = fields.Text()
    ended_at = fields.Instant(allow_none=True)

    class Meta:
        exclude = ("ended",)


CouponTemplatePage = page_of(CouponTemplateOut)


class CouponTemplateQuery(PageQuery):
    """Only those that still give coupons, or all."""

    state = fields.Choice("open", load_default=None)


class CouponCodesIn(Schema):
    """`count` new codes, or `codes` made elsewhere: up to 100,000 a call."""

    count = fields.Whole(1, MOST)
    codes = fields.Items(Code(), MOST, low=1)

    @ma.validates_schema
    def one_form(self, data: dict, **_: object) -> None:
        """Exactly one of the two."""
        if len(data) != 1:
            error = fields.wrong("count_or_codes", N_("Send either count or codes."))
            raise ma.ValidationError({"count": error.messages})


class CouponCodesOut(Schema):
    """The codes that are new, and those that were known or stood twice; `pool` is what is left."""

    added = fields.Whole()
    codes = fields.Items(fields.Text(), MOST)
    duplicates = fields.Items(fields.Text(), MOST)
    pool = fields.Whole()
