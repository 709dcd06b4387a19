"""What a stored model says: one formula for a single member (`math`) and for arrays (`numpy`).

A model is JSON, made by `crm.segments.next_purchase.learning`. Its `kind` is "regression",
"mbg_nbd" or "percentiles"; features are those of `crm.segments.next_purchase.histories.Snapshot`,
of members who have bought.
"""

import math
from collections.abc import Mapping
from typing import Any

from crm.segments.percentiles import Table

Model = Mapping[str, Any]
Features = Mapping[str, Any]  # numbers, or arrays of one length
RANKED = ("recency", "frequency", "monetary")
AS_IS = ("place", "base")  # features of a regression that are not sizes: no logarithm


def chance(model: Model, features: Features, days: int, xp: Any = math) -> Any:
    """The chance to buy within `days`, 0 to 1; None where the model knows an order only.

    A model of kind "percentiles" wants `place` among the features (`place`).
    """
    if model["kind"] == "mbg_nbd":
        return _mbg_nbd(model, features, days, xp)
    line = model["regression"]
    return None if line is None else regression(line, features, xp)


def score(model: Model, features: Features, days: int, xp: Any = math) -> Any:
    """What members are ordered by: their chance, else their place."""
    found = chance(model, features, days, xp)
    return features["place"] if found is None else found


def told(horizon: Mapping[str, Any], features: Features) -> float | None:
    """What a night's models say of one member for a horizon; None where they abstain."""
    if horizon["reason"] is not None:
        return None
    return chance(horizon["model"], placed(horizon, features), horizon["days"])


def placed(horizon: Mapping[str, Any], features: Features) -> Features:
    """With his place among customers, where the model wants it."""
    if horizon["model"]["kind"] != "percentiles":
        return features
    return {**features, "place": place(horizon["model"]["tables"], features)}


def regression(line: Mapping[str, Any], features: Features, xp: Any = math) -> Any:
    """A logistic regression on log1p of the features (but for `AS_IS`), standardised."""
    total = line["intercept"]
    columns = zip(line["features"], line["means"], line["deviations"], line["weights"], strict=True)
    for name, mean, deviation, weight in columns:
        total = total + weight * (_column(name, features, xp) - mean) / deviation
    return 0.5 * (1 + xp.tanh(total / 2))  # the logistic function, without overflow


def _column(name: str, features: Features, xp: Any) -> Any:
    return features[name] if name in AS_IS else xp.log1p(features[name])


def _mbg_nbd(model: Model, features: Features, days: int, xp: Any) -> Any:
    """The chance of a purchase within `days`: still a customer, and not silent that long.

    Who still is one buys at a rate that is gamma (r + x, alpha + t); his first purchase ahead comes
    at that rate whether or not he drops out after it.
    """
    r, alpha, a, b = model["r"], model["alpha"], model["a"], model["b"]
    x, t = features["frequency"] - 1, features["tenure"]
    t_x = t - features["recency"]
    silent = xp.log(alpha + t) - xp.log(alpha + t_x)
    odds = math.log(a) - xp.log(b + x) + (r + x) * silent
    here = 0.5 * (1 - xp.tanh(odds / 2))
    return here * -xp.expm1((r + x) * (xp.log(alpha + t) - xp.log(alpha + t + days)))


def place(tables: Mapping[str, Any], features: Features) -> float:
    """Where one member stands among customers: the mean of three percentiles, equals alike."""
    recency, frequency, monetary = (Table.read(tables[name]) for name in RANKED)
    ranks = (
        1 - recency.midrank(features["recency"]),
        frequency.midrank(features["frequency"]),
        monetary.midrank(features["monetary"]),
    )
    return round(sum(ranks) / 3, 9)
