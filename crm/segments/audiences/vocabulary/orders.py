"""`orders.*`: how many, for how much, of what, where. Orders count from their payment; cancelled
and fully refunded ones do not. Amounts in minor units of the programme's currency."""

from datetime import datetime

from sqlalchemy import text

from crm.db import db
from crm.i18n import N_
from crm.segments.audiences.field import Choice, Field
from crm.segments.audiences.kinds import INSTANT, MONEY, WHOLE, WORDS
from crm.segments.audiences.vocabulary.bought import BOUGHT
from crm.segments.audiences.vocabulary.profile import stores

LATELY = """
    SELECT o.member_id, count(*)::integer AS orders, sum(o.net)::bigint AS monetary FROM orders o
    WHERE o.counted AND o.paid_at <= {now} {within} GROUP BY o.member_id"""
LATELY_OF = """
    SELECT count(*)::integer AS orders, sum(o.net)::bigint AS monetary FROM orders o
    WHERE o.member_id = m.id AND o.counted AND o.paid_at <= {now} {within}"""
ORDERED = """
    SELECT o.member_id FROM orders o
    WHERE {match} AND o.counted AND o.paid_at <= {now} {within}"""
LINES = """
    SELECT l.member_id FROM order_line l WHERE {match} AND l.bought_at <= {now} {within}"""
LABELS = LINES.replace("order_line l", "order_line l CROSS JOIN unnest(l.labels) AS x (label)")


def categories(_: datetime) -> list[Choice]:
    """The categories of recent orders, by name."""
    found = db.session.scalars(
        text("""
            SELECT DISTINCT category FROM (
                SELECT l.category FROM order_line l WHERE l.category IS NOT NULL
                ORDER BY l.order_id DESC LIMIT 2000
            ) recent ORDER BY category LIMIT 200
        """)
    )
    return [Choice(name, name) for name in found]


FIELDS = (
    Field(
        "orders.count",
        N_("Number of orders"),
        N_("Since the member joined, or within so many days."),
        WHOLE,
        "{r}.orders",
        BOUGHT,
        windowed=LATELY,
        lookup=LATELY_OF,
        at="o.paid_at",
        window="optional",
        default=0,
    ),
    Field(
        "orders.spend",
        N_("Spent on orders"),
        N_("Net of refunds, since the member joined, or within so many days."),
        MONEY,
        "{r}.monetary",
        BOUGHT,
        windowed=LATELY,
        lookup=LATELY_OF,
        at="o.paid_at",
        window="optional",
        default=0,
    ),
    Field(
        "orders.average",
        N_("Average order value"),
        N_("Net of refunds; missing for who has not bought."),
        MONEY,
        "({r}.monetary / nullif({r}.orders, 0))",
        BOUGHT,
        windowed=LATELY,
        lookup=LATELY_OF,
        at="o.paid_at",
        window="optional",
    ),
    Field(
        "orders.first_at",
        N_("First order"),
        N_("When the first order that counts was paid."),
        INSTANT,
        "{r}.first_paid_at",
        BOUGHT,
    ),
    Field(
        "orders.last_at",
        N_("Last order"),
        N_("When the last order that counts was paid."),
        INSTANT,
        "{r}.last_paid_at",
        BOUGHT,
    ),
    Field(
        "orders.sku",
        N_("Bought an article"),
        N_("By its SKU, ever or within so many days."),
        WORDS,
        LINES,
        column="l.sku",
        at="l.bought_at",
        window="optional",
    ),
    Field(
        "orders.category",
        N_("Bought of a category"),
        N_("Ever or within so many days."),
        WORDS,
        LINES,
        column="l.category",
        at="l.bought_at",
        window="optional",
        choices=categories,
    ),
    Field(
        "orders.label",
        N_("Bought with a label"),
        N_("An article with this label, ever or within so many days."),
        WORDS,
        LABELS,
        column="x.label",
        at="l.bought_at",
        window="optional",
    ),
    Field(
        "orders.store",
        N_("Bought in a store"),
        N_("Ever or within so many days."),
        WORDS,
        ORDERED,
        column="o.store",
        at="o.paid_at",
        window="optional",
        choices=stores,
    ),
    Field(
        "orders.channel",
        N_("Bought by a channel"),
        N_("By the name that orders come under, ever or within so many days."),
        WORDS,
        ORDERED,
        column="o.channel",
        at="o.paid_at",
        window="optional",
    ),
    Field(
        "orders.region",
        N_("Ordered to a region"),
        N_("The region of an order as the shop writes it, ever or within so many days."),
        WORDS,
        ORDERED,
        column="o.region",
        at="o.paid_at",
        window="optional",
    ),
)
