"""Quotes over HTTP: asked by tills and carts before anything is written."""

from crm import clock
from crm.http import Blueprint, Schema, fields, needs
from crm.members import identity
from crm.members.schemas import MemberRefIn
from crm.orders import quotes
from crm.orders.errors import DiscountTooLarge, LineTwice, TaxTooLarge
from crm.orders.incoming import Line
from crm.orders.quotes import Asked
from crm.orders.schemas import MOST_LINES, LineIn

blp = Blueprint("quotes", __name__, description="What a cart would earn and cost in points.")


class CartIn(Schema):
    """A cart: lines as in an order; the rest may be missing."""

    lines = fields.Items(fields.Nested(LineIn), MOST_LINES, low=1, required=True)
    discount = fields.minor(load_default=0)
    shipping = fields.minor(load_default=0)
    tax = fields.minor(load_default=0)
    channel = fields.code(40, load_default=None, allow_none=True)
    store = fields.code(load_default=None, allow_none=True)
    currency = fields.Text(3, low=3, pattern="[A-Z]{3}", load_default=None, allow_none=True)


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


class QuoteOut(Schema):
    """The quote."""

    earn = fields.Nested(EarnOut)
    redeem = fields.Nested(RedeemOut)
    tier_after = fields.Text()


@blp.post("/points/quote")
@needs("points:read")
@blp.arguments(QuoteIn)
@blp.response(200, QuoteOut)
def quote(body: dict):
    """What this cart would earn, how many points could pay for it, and the tier after it."""
    now = clock.now()
    order = body["order"]
    quotes.check_currency(order["currency"], now)
    lines = [Line(**line) for line in order["lines"]]
    asked = Asked(
        lines, order["discount"], order["shipping"], order["channel"], order["store"], order["tax"]
    )
    member_id = identity.require(identity.parse_ref(body["member"], at="/member"))
    try:
        return quotes.quote(member_id, asked, body["as_of"] or now, now=now)
    except (LineTwice, DiscountTooLarge, TaxTooLarge) as refused:
        refused.pointer = f"/order{refused.pointer}"
        raise
