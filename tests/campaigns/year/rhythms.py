"""When members usually buy again, counted the obvious way, by the rule in docs/next-purchase.md.

A window is made of a member's own gaps and of the store's quartiles, as they were found in a night.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from math import ceil, exp, floor, log
from typing import NamedTuple

from lives import Bought, Life
from obvious import day_of

DAY = timedelta(days=1)
ANY = ""  # purchases of any kind
OWN_COUNT_AS, MOST_GAPS, LEAST_GAPS, LEAST_MEMBERS = 4, 5, 30, 20
MOVED = 0.05

Quartiles = tuple[float, float, float]
Rhythm = dict[str, Quartiles]


class Window(NamedTuple):
    """The days on which a member usually buys a category again."""

    last_day: date
    opens: date
    closes: date


def kept(one: Life, at: datetime) -> list[Bought]:
    """What he had bought by an instant and not given back."""
    return [
        order
        for order in one.orders
        if order.paid_at <= at and (order.refunded_at is None or order.refunded_at > at)
    ]


def days_of(one: Life, at: datetime) -> dict[str, list[date]]:
    """The days on which he bought something of each category, and anything, in order."""
    found: dict[str, set[date]] = defaultdict(set)
    for order in kept(one, at):
        for category in (ANY, order.category):
            found[category].add(day_of(one, order.paid_at))
    return {category: sorted(days) for category, days in found.items()}


def gaps(days: Sequence[date]) -> tuple[int, ...]:
    """How many days lie between one purchase day and the next."""
    return tuple((later - day).days for day, later in pairwise(days))


def quartiles(values: Sequence[float]) -> Quartiles:
    """With linear interpolation between the two nearest."""
    ordered = sorted(values)
    found = []
    for share in (0.25, 0.5, 0.75):
        place = share * (len(ordered) - 1)
        low, high = ordered[floor(place)], ordered[ceil(place)]
        found.append(low + (place - floor(place)) * (high - low))
    return found[0], found[1], found[2]


def rhythm_of(everybody: Sequence[Life], at: datetime, before: Rhythm) -> Rhythm:
    """The store's rhythm as a night finds it; the one before where none moved by a twentieth."""
    by_category: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for one in everybody:
        for category, days in days_of(one, at).items():
            if len(days) > 1:
                by_category[category].append(gaps(days)[-MOST_GAPS:])
    found: Rhythm = {}
    for category, of_members in by_category.items():
        lengths = [float(length) for own in of_members for length in own]
        if len(lengths) >= LEAST_GAPS and len(of_members) >= LEAST_MEMBERS:
            low, middle, high = quartiles(lengths)
            found[category] = max(low, 1.0), max(middle, 1.0), max(high, 1.0)
    if found.keys() != before.keys():
        return found
    pairs = [pair for name in found for pair in zip(before[name], found[name], strict=True)]
    return found if any(abs(new - old) > MOVED * old for old, new in pairs) else before


@cache
def lengths_of(own: tuple[int, ...], store: Quartiles | None) -> tuple[int, int] | None:
    """From how many days after a purchase to how many the next is usual; None: too little is
    known."""
    if not own or (store is None and len(own) < 3):
        return None
    logs = quartiles([log(length) for length in own])
    if store is not None:
        many = len(own)
        low, _, high = (
            (many * mine + OWN_COUNT_AS * log(its)) / (many + OWN_COUNT_AS)
            for mine, its in zip(logs, store, strict=True)
        )
    else:
        low, _, high = logs
    return max(floor(exp(low) + 1e-9), 1), max(ceil(exp(high) - 1e-9), 1)


def windows(one: Life, at: datetime, store: Rhythm) -> dict[str, Window]:
    """His windows by category, from what was known at an instant."""
    found = {}
    for category, days in days_of(one, at).items():
        lengths = lengths_of(gaps(days), store.get(category))
        if category != ANY and lengths is not None:
            low, high = lengths
            found[category] = Window(days[-1], days[-1] + low * DAY, days[-1] + high * DAY)
    return found
