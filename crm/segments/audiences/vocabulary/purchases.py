"""`rfm.*` and `orders.*`: what a member bought. Orders count from their payment; cancelled and
fully refunded ones do not. Amounts in minor units of the programme's currency."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from crm.db import db
from crm.i18n import N_
from crm.segments import directory, labels, runs
from crm.segments.audiences.field import Choice, Field, Scope
from crm.segments.audiences.kinds import CHOICE, INSTANT, MONEY, SHARE, WHOLE, WORDS
from crm.segments.audiences.vocabulary.profile import stores
from crm.segments.percentiles import Table

# As crm's purchases_as_of: the running aggregates hold from the last purchase on; who has orders
# dated ahead is counted again.
BOUGHT = """
    SELECT s.member_id, s.orders, s.frequency, s.monetary, s.first_paid_at, s.last_paid_at,
           s.first_day, s.last_day
    FROM purchase_summary s WHERE s.last_paid_at <= {now} AND s.orders > 0
    UNION ALL
    SELECT o.member_id, count(*)::integer, count(DISTINCT o.local_day)::integer,
           sum(o.net)::bigint, min(o.paid_at), max(o.paid_at), min(o.local_day), max(o.local_day)
    FROM (
        SELECT DISTINCT f.member_id FROM orders f WHERE f.counted AND f.paid_at > {now}
    ) later JOIN orders o ON o.member_id = later.member_id
    WHERE o.counted AND o.paid_at <= {now} GROUP BY o.member_id"""
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
# Not below 0, where a member's calendar is ahead of the programme's; null stays null.
DAYS = "(CASE WHEN {r}.DAY > {today} THEN 0 ELSE CAST({today} AS date) - {r}.DAY END)"
RECENCY, TENURE = DAYS.replace("DAY", "last_day"), DAYS.replace("DAY", "first_day")
NEVER = ("between", [1, 0])  # what no value is in
BEYOND = 2**53  # days, orders, minor units: nobody has so many

Of = Literal["recency", "frequency", "monetary"]


def segments(_: datetime) -> list[Choice]:
    """The segments that members can be in, best first."""
    return [Choice(code, name) for code, name in labels.names().items()]


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


def _percentile(of: Of) -> Callable[[Scope, str, Any], tuple[str, Any]]:
    """Turns a share of all buyers into the value at which it begins, by the current run."""

    def prepare(_: Scope, op: str, value: Any) -> tuple[str, Any]:
        run = runs.current()
        if run is None:
            return ("ne", -1) if op == "exists" and not value else NEVER
        if op == "exists":
            return op, value
        table: Table = getattr(directory.distributions(run.id), of)
        return translate(table, op, value, falling=of == "recency")

    return prepare


def translate(table: Table, op: str, value: Any, *, falling: bool = False) -> tuple[str, Any]:
    """A condition on percentiles as one on whole values. `falling`: less is better (days since)."""

    def share(of: int) -> float:
        found = table.midrank(of)
        return round(1 - found if falling else found, 4)

    def first(good: Callable[[float], bool]) -> int:
        """The smallest value whose share is good, where the good ones are the large values;
        `BEYOND` where there is none."""
        low, high = -1, (table.values[-1] if table.values else 0) + 1
        if not good(share(high)):
            return BEYOND  # not even who bought more since the run
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if good(share(middle)) else (middle + 1, high)
        return low

    if falling:
        reach = {
            "ge": lambda: ("lt", first(lambda one: one < value)),
            "gt": lambda: ("lt", first(lambda one: one <= value)),
            "le": lambda: ("ge", first(lambda one: one <= value)),
            "lt": lambda: ("ge", first(lambda one: one < value)),
            "between": lambda: (
                "between",
                [first(lambda one: one <= value[1]), first(lambda one: one < value[0]) - 1],
            ),
        }
    else:
        reach = {
            "ge": lambda: ("ge", first(lambda one: one >= value)),
            "gt": lambda: ("ge", first(lambda one: one > value)),
            "le": lambda: ("lt", first(lambda one: one > value)),
            "lt": lambda: ("lt", first(lambda one: one >= value)),
            "between": lambda: (
                "between",
                [first(lambda one: one >= value[0]), first(lambda one: one > value[1]) - 1],
            ),
        }
    return reach[op]()


RFM = (
    Field(
        "rfm.segment",
        N_("Segment"),
        N_("The segment of the newest segmentation run."),
        CHOICE,
        "m.segment",
        choices=segments,
        closed=True,
    ),
    Field(
        "rfm.recency_days",
        N_("Days since the last purchase"),
        N_("Local days; missing for who has not bought."),
        WHOLE,
        RECENCY,
        BOUGHT,
    ),
    Field(
        "rfm.frequency",
        N_("Purchase days"),
        N_("On how many days the member bought."),
        WHOLE,
        "{r}.frequency",
        BOUGHT,
        default=0,
    ),
    Field(
        "rfm.monetary",
        N_("Money spent"),
        N_("Net of refunds, since the member joined."),
        MONEY,
        "{r}.monetary",
        BOUGHT,
        default=0,
    ),
    Field(
        "rfm.tenure_days",
        N_("Days since the first purchase"),
        N_("Local days; missing for who has not bought."),
        WHOLE,
        TENURE,
        BOUGHT,
    ),
    Field(
        "rfm.mean_gap_days",
        N_("Days between purchases"),
        N_("The mean, rounded down; missing for who bought on fewer than two days."),
        WHOLE,
        "(({r}.last_day - {r}.first_day) / nullif({r}.frequency - 1, 0))",
        BOUGHT,
    ),
    Field(
        "rfm.recency_percentile",
        N_("Recency percentile"),
        N_("Among all buyers, 0 to 1: 1 bought most recently. By the newest run."),
        SHARE,
        RECENCY,
        BOUGHT,
        prepare=_percentile("recency"),
    ),
    Field(
        "rfm.frequency_percentile",
        N_("Frequency percentile"),
        N_("Among all buyers, 0 to 1: 1 buys most often. By the newest run."),
        SHARE,
        "{r}.frequency",
        BOUGHT,
        prepare=_percentile("frequency"),
    ),
    Field(
        "rfm.monetary_percentile",
        N_("Spending percentile"),
        N_("Among all buyers, 0 to 1: 1 spends most. By the newest run."),
        SHARE,
        "{r}.monetary",
        BOUGHT,
        prepare=_percentile("monetary"),
    ),
)
ORDERS = (
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
FIELDS = (*RFM, *ORDERS)
