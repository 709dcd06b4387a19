"""What an order earns, and what remains of it after refunds. The rules live in `crm.points`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from crm.orders.kept import Kept
from crm.orders.pricing import Remainder
from crm.points import lasting
from crm.points.cart import Cart, CartLine, EarningFacts, Used
from crm.points.earning import Earning, evaluate
from crm.points.earning import rounded as round_points
from crm.points.programme_settings import Expiry, Programme
from crm.points.rule import Rule

Parts = Sequence[tuple[int, str | None]]  # as `postings.Posting` takes them; empty: all alike
EARNING = frozenset({"paid", "fulfilled", "delivered", "completed"})


def earn(
    order: Kept, programme: Programme, rules: Sequence[Rule], facts: EarningFacts, used: Used
) -> Earning:
    """Evaluate the order by the versions in force when it was placed; pure.

    `used` is what the member's other orders have taken of the caps by day and month.
    """
    cart = Cart(
        [
            CartLine(line.line_no, line.sku, line.quantity, net, line.category, line.labels)
            for line, net in zip(order.lines, order.nets, strict=True)
        ],
        order.placed_at,
        order.channel,
        order.store,
        order.shipping,
        order.tax,
        order.tender + order.coupon_tender,
    )
    return evaluate(programme, rules, cart, facts, used)


def remaining_points(order: Kept, left: Remainder) -> int:
    """The points that the order still deserves: cumulative and exact over any split of refunds.

    min(granted, round(Σ attributed × remaining share)) with the order's own rounding mode; rules
    and multipliers are not evaluated again (SEMANTICS: refund of earned points).
    """
    if order.status not in EARNING or order.breakdown is None:
        return 0
    if not left.refunded:
        return order.granted
    total = Fraction(0)
    for share in order.breakdown["breakdown"]:
        for line_no, part in share["lines"].items():
            total += Fraction(part) * left.shares.get(int(line_no), Fraction(0))
    rounded = round_points(total.numerator, total.denominator, order.breakdown["rounding"])
    return min(order.granted, rounded)


def parts(order: Kept, programme: Programme) -> Parts:
    """All that the order was granted, by how long it lasts."""
    assert order.breakdown is not None
    shares = order.breakdown["breakdown"]
    if not lasting.has_own(shares):
        return ()
    return _told(lasting.split(order.granted, lasting.by_policy(shares, programme.expiry)))


def more_parts(
    order: Kept,
    points: int,
    target: int,
    left: Remainder,
    was: dict[str, Any],
    programme: Programme,
) -> Parts:
    """`points` that are given so that the order has `target`, by how long they last.

    Each policy gets what it is short of, beside the points that the order still has by the
    breakdown that `was`.
    """
    assert order.breakdown is not None
    shares, usual = order.breakdown["breakdown"], programme.expiry
    if not lasting.has_own(shares):
        return ()
    of_lines = left.shares if left.refunded else None
    wanted = lasting.split(target, lasting.by_policy(shares, usual, of_lines))
    had = lasting.split(order.points, lasting.by_policy(was["breakdown"], usual))
    return _told(lasting.missing(points, wanted, had))


def _told(found: Mapping[str | None, int]) -> Parts:
    if list(found) == [None]:
        return ()
    return [(points, policy) for policy, points in found.items()]


def available_at(order: Kept, programme: Programme) -> datetime | None:
    """When the order's points become spendable; None: on an explicit release only."""
    due = _due_at(order, programme)
    released = order.released_at
    return due if released is None or (due is not None and due < released) else released


def _due_at(order: Kept, programme: Programme) -> datetime | None:
    pending = programme.pending
    paid_at = order.paid_at or order.placed_at
    if pending.policy == "manual":
        return None
    if pending.policy == "immediately":
        return paid_at
    if pending.policy == "days_after_paid":
        return paid_at + timedelta(days=pending.days)
    if order.delivered_at is not None:
        return max(paid_at, order.delivered_at + timedelta(days=pending.days))
    return paid_at + timedelta(days=pending.fallback_days_after_paid)


@lru_cache(maxsize=256)
def expiry_json(expiry: Expiry) -> str:
    """An expiry policy as the database's `points_expiry` takes it."""
    return json.dumps(asdict(expiry))


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """A zone by name; members' zones were checked when they were stored."""
    return ZoneInfo(name)
