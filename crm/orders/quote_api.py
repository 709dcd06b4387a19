"""Quotes over HTTP: asked by tills and carts before anything is written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm import clock
from crm.coupons import alphabet, guessing
from crm.coupons.template_schemas import Code
from crm.db import db
from crm.errors import Forbidden
from crm.http import Blueprint, Schema, fields, needs, principal
from crm.http.problems import say
from crm.members import identity
from crm.members.schemas import MemberRefIn
from crm.orders import quotes
from crm.orders.errors import DiscountTooLarge, LineTwice, TaxTooLarge
from crm.orders.incoming import Line
from crm.orders.quoted_coupons import Quoted
from crm.orders.quotes import Asked
from crm.orders.schemas import MOST_COUPONS, MOST_LINES, LineIn

blp = Blueprint("quotes", __name__, description="What a cart would earn and cost in points.")


class CartIn(Schema):
    """A cart: lines as in an order; the rest may be missing. `discount` is what else than its
    `coupons` is taken off all of it."""

    lines = fields.Items(fields.Nested(LineIn), MOST_LINES, low=1, required=True)
    discount = fields.minor(load_default=0)
    shipping = fields.minor(load_default=0)
    tax = fields.minor(load_default=0)
    channel = fields.code(40, load_default=None, allow_none=True)
    store = fields.code(load_default=None, allow_none=True)
    currency = fields.Text(3, low=3, pattern="[A-Z]{3}", load_default=None, allow_none=True)
    coupons = fields.Items(Code(), MOST_COUPONS, load_default=list)


class QuoteIn(Schema):
    """Who, what, and as of when (now without it)."""

    member = fields.Nested(MemberRefIn, required=True)
    order = fields.Nested(CartIn, required=True)
    as_of = fields.Instant(load_default=None, allow_none=True)


class EarnOut(Schema):
    """What the cart would earn, and why."""

    points = fields.points()
    desired = fields.points()
    breakdown = fields.Items(fields.Mapping(), 1000)
    capped_by = fields.Text(allow_none=True)


class RedeemOut(Schema):
    """The most points that may pay for it; `value_per_step` in minor units per `step` points."""

    max_points = fields.points()
    max_value = fields.minor()
    step = fields.points()
    value_per_step = fields.minor()
    available = fields.points()


class QuotedCouponOut(Schema):
    """A coupon of the cart: what it would take off after those before it, or every reason why it
    can't be used, as a `code`, a sentence (`detail`) and the facts that fill it."""

    code = fields.Text()
    name = fields.Text(allow_none=True)
    kind = fields.Text(allow_none=True)
    valid = fields.Flag()
    reasons = fields.Items(fields.Mapping(), 20)
    discount = fields.minor()


class QuoteOut(Schema):
    """The quote."""

    earn = fields.Nested(EarnOut)
    redeem = fields.Nested(RedeemOut)
    tier_after = fields.Text()
    coupons = fields.Items(fields.Nested(QuotedCouponOut), MOST_COUPONS)


@blp.post("/points/quote")
@needs("points:read")
@blp.arguments(QuoteIn)
@blp.response(200, QuoteOut)
def quote(body: dict):
    """What this cart would earn, how many points could pay for it, and the tier after it.

    Coupons (who names some needs `coupons:read` too) are judged in their order; what those that can
    be used take off earns nothing. Writes nothing, but that codes which do not exist are counted.
    """
    now = clock.now()
    order = body["order"]
    quotes.check_currency(order["currency"], now)
    lines = [Line(**line) for line in order["lines"]]
    codes = _codes(order["coupons"], now)
    asked = Asked(
        lines,
        order["discount"],
        order["shipping"],
        order["channel"],
        order["store"],
        order["tax"],
        codes,
    )
    member_id = identity.require(identity.parse_ref(body["member"], at="/member"))
    try:
        found = quotes.quote(member_id, asked, body["as_of"] or now, now=now)
    except (LineTwice, DiscountTooLarge, TaxTooLarge) as refused:
        refused.pointer = f"/order{refused.pointer}"
        raise
    _count_misses(found["coupons"], now)
    return found | {"coupons": [_told(one) for one in found["coupons"].told]}


def _codes(given: list[str], now: datetime) -> list[str]:
    """The codes as they are stored, each once. Who guesses too many is refused."""
    if not given:
        return []
    who = principal()
    if "coupons:read" not in who.permissions:
        raise Forbidden(needs="coupons:read")
    guessing.admit(who, now)
    return list(dict.fromkeys(alphabet.normal(code) for code in given))


def _count_misses(quoted: Quoted, now: datetime) -> None:
    if quoted.unknown:
        db.session.rollback()  # what was read ends before the count begins
    for _ in quoted.unknown:
        guessing.miss(principal(), now)


def _told(one: Mapping[str, Any]) -> dict[str, Any]:
    """A coupon in the reader's language."""
    reasons = [
        {"code": reason.code, "detail": say(reason.detail, reason.facts)} | reason.facts
        for reason in one["reasons"]
    ]
    return {**one, "reasons": reasons}
