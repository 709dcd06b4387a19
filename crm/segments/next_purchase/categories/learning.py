"""Who buys in a category within some days, learned from pairs. Only workers import this.

Each method learns from what was known at the end of a day, and never looks beyond it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from crm.segments import ranks
from crm.segments.next_purchase import chances as formulas
from crm.segments.next_purchase import learning as whole
from crm.segments.next_purchase.categories import chances
from crm.segments.next_purchase.categories.past import DIGITS, Habits, Known, Past
from crm.segments.next_purchase.learning import LEAST_HISTORY, MOST_WINDOWS, Learned

METHODS = ("regression", "share", "percentiles")  # in the order in which they are preferred
KNOTS = 100  # of a table: there are three for each category
FEATURES = (
    "recency",
    "frequency",
    "monetary",
    "tenure",
    "usual_gap",
    "overdue",
    "all_recency",
    "all_frequency",
    "base",
)


@dataclass(frozen=True)
class Window:
    """What was known at the end of `cut`, and which pairs bought in the `days` after it."""

    cut: int
    known: Known
    habits: Habits
    bought: np.ndarray

    @classmethod
    def of(cls, past: Past, cut: int, days: int) -> "Window":
        """A window of a past."""
        bought = past.pairs.purchases(cut, cut + days) > 0
        return cls(cut, past.at(cut), past.habits(cut, days), bought)


def history_before(days: int) -> int:
    """How many days must lie before a window of `days`: a full one that tells the categories'
    rates, with a history of its own.
    """
    return days + LEAST_HISTORY


def windows(past: Past, until: int, days: int) -> list[Window]:
    """Windows of `days` that lie end to end and end by `until`, the newest first."""
    first = past.pairs.first_day
    if first is None:
        return []
    cuts = [until - turn * days for turn in range(1, MOST_WINDOWS + 1)]
    least = first + history_before(days)
    return [Window.of(past, cut, days) for cut in cuts if cut >= least]


def learn(
    method: str, past: Past, until: int, days: int, store: Mapping[str, Any] | None
) -> Learned:
    """What `method` learns from all that was known at the end of `until`, for `days` ahead.

    `store`: what the store as a whole has learned from the same, where it speaks of chances.
    """
    if method == "share":
        refused = None if store else "no_store_chance"
        return Learned(method, {"kind": "share"} if store else None, refused, [])
    found = windows(past, until, days)
    outcomes = [window.bought for window in found]
    with threadpool_limits(1):
        if method == "percentiles":
            features = [{"place": places(window.known)} for window in found]
            line, refused = whole.regression(("place",), features, outcomes)
            model = {"kind": "percentiles", "regression": line}
            return Learned(method, model, refused, _seen(found))
        features = [_features(window) for window in found]
        line, refused = whole.regression(FEATURES, features, outcomes)
    model = line and {"kind": "regression", "regression": line, **_told(past, until, days)}
    return Learned(method, model, refused, _seen(found))


def _features(window: Window) -> dict[str, np.ndarray]:
    kinds, habits = window.known.kinds, window.habits
    return chances.features(window.known.features(), habits.rates[kinds], habits.gaps[kinds], np)


def _told(past: Past, until: int, days: int) -> dict[str, Any]:
    """The habits of the categories as the model knows them, and those for `any` other."""
    habits = past.habits(until, days)
    columns = zip(past.names, habits.rates, habits.gaps, habits.customers, strict=True)
    return {
        "any": {"rate": habits.rate, "gap": habits.gap},
        "categories": {
            name: {"rate": float(rate), "gap": float(gap)}
            for name, rate, gap, customers in columns
            if customers
        },
    }


def _seen(found: list[Window]) -> list[dict[str, Any]]:
    return [
        {"cut": window.cut, "members": len(window.known), "bought": int(window.bought.sum())}
        for window in found
    ]


def places(known: Known) -> np.ndarray:
    """Where each pair stands among those of its category: the mean of three percentiles."""
    found = np.zeros(len(known))
    pairs = known.pairs
    for kind in np.unique(known.kinds):
        here = known.kinds == kind
        recency, frequency, monetary = (
            ranks.midranks(values[here])
            for values in (pairs.recency, pairs.frequency, pairs.monetary)
        )
        found[here] = np.round((1 - recency + frequency + monetary) / 3, DIGITS)
    return found


def tables(past: Past, until: int) -> dict[str, Any]:
    """How the pairs of each category are spread, for `crm.segments.next_purchase.chances.place`."""
    known = past.at(until)
    return {
        past.names[kind]: {
            name: ranks.table(getattr(known.pairs, name)[known.kinds == kind], whole.EXACT, KNOTS)
            for name in formulas.RANKED
        }
        for kind in np.unique(known.kinds)
    }


def scores(
    model: Mapping[str, Any], window: Window, days: int, store: Mapping[str, Any] | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """What the model orders the pairs of a window by, and their chances where it knows them."""
    known = window.known
    if model["kind"] == "share":
        assert store is not None, "it is learned where the store speaks of chances"
        _, chance = whole.scores(dict(store), known.everybody, days)
        assert chance is not None
        share = known.pairs.frequency / known.everybody.frequency[known.owners]
        found = chance[known.owners] * share
        return found, found
    ranked = model["kind"] == "percentiles"
    features = {"place": places(known)} if ranked else _features(window)
    found = formulas.chance(model, features, days, np)
    return (features["place"] if found is None else found), found
