"""Models of who buys within some days, learned from the store's own past. Only workers import this.

Each method learns from what was known at the end of a day, and never looks beyond it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from crm.segments import ranks
from crm.segments.next_purchase import buy_till_you_die as nbd
from crm.segments.next_purchase import chances
from crm.segments.next_purchase.histories import Histories, Snapshot

LOGGED = ("recency", "frequency", "monetary", "tenure", "gap")
METHODS = ("regression", "mbg_nbd", "percentiles")  # in the order in which they are preferred
MOST_WINDOWS = 6
LEAST_HISTORY = 28  # days before a window
LEAST_EVENTS = 50  # purchases, and members without one, to learn a regression from
LEAST_RETURNED = 30  # members who came back, to fit MBG/NBD to
DIGITS = 9
EXACT = 12  # digits of shares that are added up


@dataclass(frozen=True)
class Learned:
    """What a method made of the past. `refused`: why it has no model. `windows`: what it saw."""

    method: str
    model: dict[str, Any] | None
    refused: str | None
    windows: list[dict[str, Any]]


@dataclass(frozen=True)
class Window:
    """What was known at the end of `cut`, and who bought in the `days` after it."""

    cut: int
    known: Snapshot
    bought: np.ndarray

    @classmethod
    def of(cls, histories: Histories, cut: int, days: int) -> "Window":
        """A window of a past."""
        return cls(cut, histories.at(cut), histories.purchases(cut, cut + days) > 0)


def windows(histories: Histories, until: int, days: int) -> list[Window]:
    """Windows of `days` that lie end to end and end by `until`, the newest first.

    Each has a history before it that is worth the name.
    """
    first = histories.first_day
    if first is None:
        return []
    least = first + history_before(days)
    cuts = [until - turn * days for turn in range(1, MOST_WINDOWS + 1)]
    return [Window.of(histories, cut, days) for cut in cuts if cut >= least]


def history_before(days: int) -> int:
    """How many days of purchases must lie before a window of `days`."""
    return max(LEAST_HISTORY, days // 2)


def learn(method: str, histories: Histories, until: int, days: int) -> Learned:
    """What `method` learns from all that was known at the end of `until`, for `days` ahead."""
    with threadpool_limits(1):
        if method == "mbg_nbd":
            return _mbg_nbd(histories, until, days)
        past = windows(histories, until, days)
        if method == "regression":
            features = [window.known.features() for window in past]
            line, refused = regression(LOGGED, features, [window.bought for window in past])
            model = line and {"kind": "regression", "regression": line}
            return Learned(method, model, refused, _seen(past))
        return _percentiles(histories.at(until), past)


def _percentiles(now: Snapshot, past: list[Window]) -> Learned:
    """The plain sum of three percentiles; a regression on it makes chances where there is a past"""
    features = [{"place": places(tables(window.known), window.known)} for window in past]
    line, refused = regression(("place",), features, [window.bought for window in past])
    model = {"kind": "percentiles", "tables": tables(now), "regression": line}
    return Learned("percentiles", model, refused if line is None else None, _seen(past))


def regression(
    names: tuple[str, ...],
    features: Sequence[Mapping[str, np.ndarray]],
    outcomes: Sequence[np.ndarray],
) -> tuple[dict[str, Any] | None, str | None]:
    """A logistic regression over windows on the features of these names, or why there is none.

    See `crm.segments.next_purchase.chances.regression`, which applies it. `outcomes`: who bought.
    """
    if not outcomes:
        return None, "short_history"
    bought = np.concatenate(outcomes)
    if min(bought.sum(), (~bought).sum()) < LEAST_EVENTS:
        return None, "few_purchases"
    points = np.empty((len(bought), len(names)))  # filled and scaled in place: it is large
    for column, name in enumerate(names):
        points[:, column] = np.concatenate([each[name] for each in features])
        if name not in chances.AS_IS:
            np.log1p(points[:, column], out=points[:, column])
    means = points.mean(axis=0).round(DIGITS)
    deviations = np.maximum(points.std(axis=0), 1e-6).round(DIGITS)
    points -= means
    points /= deviations
    line = LogisticRegression(solver="newton-cholesky", max_iter=200, tol=1e-8)
    line.fit(points, bought)
    return {
        "features": list(names),
        "means": means.tolist(),
        "deviations": deviations.tolist(),
        "weights": np.asarray(line.coef_)[0].round(DIGITS).tolist(),
        "intercept": round(float(np.asarray(line.intercept_)[0]), DIGITS),
    }, None


def _mbg_nbd(histories: Histories, until: int, days: int) -> Learned:
    now, first = histories.at(until), histories.first_day
    seen = [{"cut": until, "members": len(now), "bought": None}]
    if first is None or until - first < history_before(days):
        return Learned("mbg_nbd", None, "short_history", seen)
    if (now.frequency > 1).sum() < LEAST_RETURNED:
        return Learned("mbg_nbd", None, "few_returned", seen)
    counts = nbd.Counts.of(now.frequency - 1, now.tenure - now.recency, now.tenure)
    try:
        found = nbd.fit(counts)
    except nbd.NotFitted:
        return Learned("mbg_nbd", None, "not_fitted", seen)
    model = {name: round(getattr(found, name), DIGITS) for name in ("r", "alpha", "a", "b")}
    return Learned("mbg_nbd", {"kind": "mbg_nbd", **model}, None, seen)


def _seen(past: list[Window]) -> list[dict[str, Any]]:
    return [
        {"cut": window.cut, "members": len(window.known), "bought": int(window.bought.sum())}
        for window in past
    ]


def tables(known: Snapshot) -> dict[str, Any]:
    """How these members are spread, for `places`."""
    return {name: ranks.table(getattr(known, name), EXACT) for name in chances.RANKED}


def places(stored: dict[str, Any], known: Snapshot) -> np.ndarray:
    """`crm.segments.next_purchase.chances.place` for many members."""
    recency, frequency, monetary = (
        ranks.midranks_by(stored[name], getattr(known, name)) for name in chances.RANKED
    )
    # Different ranks may have one sum: rounded, these are equals, whatever the order of adding.
    return np.round((1 - recency + frequency + monetary) / 3, DIGITS)


def scores(
    model: dict[str, Any], known: Snapshot, days: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """What the model orders these members by, and their chances where it knows them."""
    features = known.features()
    if model["kind"] == "percentiles":
        features["place"] = places(model["tables"], known)
    found = chances.chance(model, features, days, np)
    return (features["place"] if found is None else found), found
