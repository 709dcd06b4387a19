"""Choosing a method per horizon: each foretells the last full window, pair by pair."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from crm.segments.next_purchase import back_test as whole
from crm.segments.next_purchase import figures
from crm.segments.next_purchase.back_test import LEAST_BOUGHT
from crm.segments.next_purchase.categories import learning
from crm.segments.next_purchase.categories.learning import METHODS, Window
from crm.segments.next_purchase.categories.past import Past
from crm.segments.next_purchase.learning import Learned


def document(past: Past, day: int, horizons: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All that is stored of the chances per category. `horizons`: the store's own models."""
    chosen = [choose(past, day, store) for store in horizons]
    found: dict[str, Any] = {
        "sample": {
            "members": len(past.members),
            "pairs": len(past.pairs),
            "purchase_days": len(past.pairs.days),
            "categories": len(past.names),
        },
        "input_hash": past.digest(),
        "horizons": chosen,
    }
    if any(each["method"] == "percentiles" and each["reason"] is None for each in chosen):
        found["tables"] = learning.tables(past, day)
    return found


def choose(past: Past, day: int, store: Mapping[str, Any]) -> dict[str, Any]:
    """The method that foretold the last window best, learned again with it included."""
    days = store["days"]
    cut = day - days
    window = Window.of(past, cut, days)
    before, now = _spoken_before(store), _spoken(store)
    tried = [learning.learn(method, past, cut, days, before) for method in METHODS]
    foretold = [_foretold(each, window, days, before) for each in tried]
    judged = [_judged(one, said, window) for one, said in zip(tried, foretold, strict=True)]
    method, reason = _choice(past, window, judged, days)
    place = METHODS.index(method)
    final = learning.learn(method, past, day, days, now)
    if final.model is None:  # it had one without the newest days: their odd end is no reason
        final = tried[place]
    model = final.model
    assert model is not None, "whatever is chosen has a model"
    if reason is None and model.get("regression", True) is None:
        reason = final.refused
    return {
        "days": days,
        "method": method,
        "reason": reason,
        "model": model,
        "trained_on": whole.days_seen(final),
        "back_test": {
            "from": date.fromordinal(cut + 1).isoformat(),
            "until": date.fromordinal(day).isoformat(),
            "members": len(window.known),
            "bought": int(window.bought.sum()),
            "candidates": judged,
        },
        "categories": _categories(past.names, window, foretold[place]),
    }


Foretold = tuple[np.ndarray, np.ndarray | None] | None


def _spoken(store: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The store's model for a horizon, where it speaks of chances."""
    return None if store["reason"] else store["model"]


def _spoken_before(store: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The same method, as it was learned without the window of the back-test."""
    if store["reason"]:
        return None
    tried = (
        each["model"]
        for each in store["back_test"]["candidates"]
        if each["method"] == store["method"]
    )
    return next(tried)


def _foretold(
    tried: Learned, window: Window, days: int, store: Mapping[str, Any] | None
) -> Foretold:
    if tried.model is None or not len(window.known):
        return None
    return learning.scores(tried.model, window, days, store)


def _judged(tried: Learned, foretold: Foretold, window: Window) -> dict[str, Any]:
    return {
        "method": tried.method,
        "refused": tried.refused,
        "model": tried.model,
        "trained_on": whole.days_seen(tried),
        "figures": foretold and figures.measure(*foretold, window.bought),
    }


def _choice(
    past: Past, window: Window, judged: list[dict[str, Any]], days: int
) -> tuple[str, str | None]:
    """The method, and why it must not speak of chances (None: it may)."""
    first = past.pairs.first_day
    if first is None:
        return "percentiles", "no_categories"
    if window.cut - first < learning.history_before(days):
        return "percentiles", "short_history"
    bought = int(window.bought.sum())
    if min(bought, len(window.known) - bought) < LEAST_BOUGHT:
        return "percentiles", "few_purchases"
    chosen = whole.best(judged)
    return chosen["method"], whole.mistrust(chosen, bought / len(window.known))


def _categories(names: tuple[str, ...], window: Window, foretold: Foretold) -> list[dict[str, Any]]:
    """How the chosen method did in each category, the one with the most customers first.

    `reason`: why it says nothing of this one.
    """
    found = []
    for kind in np.unique(window.known.kinds):
        here = window.known.kinds == kind
        bought = window.bought[here]
        share = float(bought.mean())
        row: dict[str, Any] = {
            "category": names[kind],
            "customers": len(bought),
            "bought": int(bought.sum()),
            "expected": None,
            "auc": None,
            "brier": None,
            "reason": None,
        }
        if foretold is not None:
            scores, chances = foretold
            told = figures.measure(scores[here], None if chances is None else chances[here], bought)
            row |= {name: told[name] for name in ("expected", "auc", "brier")}
        if min(row["bought"], row["customers"] - row["bought"]) < LEAST_BOUGHT:
            row["reason"] = "few_purchases"
        elif row["brier"] is not None and row["brier"] > share * (1 - share):
            row["reason"] = "no_better_than_the_mean"
        found.append(row)
    return sorted(found, key=lambda row: (-row["customers"], row["category"]))
