"""Choosing a method for a horizon: each learns without the last full window, then foretells it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from crm.segments.next_purchase import figures, learning
from crm.segments.next_purchase.histories import Histories
from crm.segments.next_purchase.learning import METHODS, Learned, Window

LEAST_BOUGHT = 20  # members who bought in the window, and who did not: fewer judge nobody
AS_GOOD = 0.005  # AUCs this near to the best are as good: the preferred method takes it


@dataclass(frozen=True)
class Horizon:
    """The method for `days` ahead with its model, and how it did. `reason`: why no chances.

    `document` is what is stored; `model` is in it too.
    """

    days: int
    method: str
    model: dict[str, Any]
    reason: str | None
    document: dict[str, Any]


def choose(histories: Histories, day: int, days: int) -> Horizon:
    """The method that foretold the `days` up to `day` best, learned again with these included."""
    cut = day - days
    window = Window.of(histories, cut, days)
    tried = [learning.learn(method, histories, cut, days) for method in METHODS]
    judged = [_judged(each, window, days) for each in tried]
    method, reason = _choice(window, judged, days, histories)
    final = learning.learn(method, histories, day, days)
    if final.model is None:  # it had one without the newest days: their odd end is no reason
        final = next(each for each in tried if each.method == method)
    assert final.model is not None, "whatever is chosen has a model"
    if reason is None and final.model.get("regression", True) is None:
        reason = final.refused
    document = {
        "days": days,
        "method": method,
        "reason": reason,
        "model": final.model,
        "trained_on": days_seen(final),
        "back_test": {
            "from": date.fromordinal(cut + 1).isoformat(),
            "until": date.fromordinal(day).isoformat(),
            "members": len(window.known),
            "bought": int(window.bought.sum()),
            "candidates": judged,
        },
    }
    return Horizon(days, method, final.model, reason, document)


def _judged(tried: Learned, window: Window, days: int) -> dict[str, Any]:
    found = {
        "method": tried.method,
        "refused": tried.refused,
        "model": tried.model,
        "trained_on": days_seen(tried),
    }
    if tried.model is None or not len(window.known):
        return found | {"figures": None}
    scores, chances = learning.scores(tried.model, window.known, days)
    return found | {"figures": figures.measure(scores, chances, window.bought)}


def _choice(
    window: Window, judged: list[dict[str, Any]], days: int, histories: Histories
) -> tuple[str, str | None]:
    """The method, and why it must not speak of chances (None: it may)."""
    first = histories.first_day
    if first is None or window.cut - first < learning.history_before(days):
        return "percentiles", "short_history"
    bought = int(window.bought.sum())
    if min(bought, len(window.known) - bought) < LEAST_BOUGHT:
        return "percentiles", "few_purchases"
    chosen = best(judged)
    return chosen["method"], mistrust(chosen, bought / len(window.known))


def best(judged: list[dict[str, Any]]) -> dict[str, Any]:
    """The candidate with the highest AUC; among those near to it, the first."""
    able = [each for each in judged if each["figures"]]
    highest = max(each["figures"]["auc"] for each in able)
    return next(each for each in able if each["figures"]["auc"] >= highest - AS_GOOD)


def mistrust(chosen: dict[str, Any], share: float) -> str | None:
    """Why what was chosen must not speak of chances. `share`: of those who bought."""
    brier = chosen["figures"]["brier"]
    if brier is None:
        return chosen["refused"]
    # Saying the same chance for everybody would have been nearer the truth.
    return "no_better_than_the_mean" if brier > share * (1 - share) else None


def days_seen(learned: Learned) -> list[dict[str, Any]]:
    """What it learned from, as it is stored."""
    return [row | {"cut": date.fromordinal(row["cut"]).isoformat()} for row in learned.windows]
