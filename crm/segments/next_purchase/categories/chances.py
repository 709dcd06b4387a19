"""What a stored model says of a pair: one formula for a single one (`math`) and arrays (`numpy`).

A model is JSON, made by `crm.segments.next_purchase.categories.learning`. Its `kind` is
"regression", "share" or "percentiles".
"""

import math
from collections.abc import Mapping
from typing import Any

from crm.segments.next_purchase import chances
from crm.segments.next_purchase.chances import Features, Model

STORES_COUNT_AS = 4  # gaps of his own: as many of the category's weigh in his, as in a window


def features(known: Features, rate: Any, gap: Any, xp: Any = math) -> dict[str, Any]:
    """What a regression on pairs is made of.

    `known`: recency, frequency, monetary, tenure and mean gap (0 without one) within the category,
    all_recency and all_frequency of purchases of any kind. `rate` and `gap`: of the category
    (`crm.segments.next_purchase.categories.past.Habits`). `usual_gap` is his own, drawn towards the
    category's; `overdue` his recency in such gaps.
    """
    times, recency = known["frequency"] - 1, known["recency"]
    own = xp.log(known["gap"] + (times == 0))
    usual = xp.exp((times * own + STORES_COUNT_AS * xp.log(gap)) / (times + STORES_COUNT_AS))
    base = xp.log(rate / (1 - rate))
    return {**known, "usual_gap": usual, "overdue": recency / usual, "base": base}


def chance(
    horizon: Mapping[str, Any],
    tables: Mapping[str, Any] | None,
    category: str,
    known: Features,
    stores: float | None,
) -> float | None:
    """The chance that one member buys in a category; None where the model can't say.

    `horizon`, `tables`: as a night has stored them. `stores`: his chance to buy anything.
    """
    model: Model = horizon["model"]
    if model["kind"] == "share":
        share = known["frequency"] / max(known["all_frequency"], known["frequency"])
        return None if stores is None else stores * share
    if model["kind"] == "percentiles":
        if not tables or category not in tables or model["regression"] is None:
            return None
        place = chances.place(tables[category], known)
        return chances.regression(model["regression"], {"place": place})
    habit = model["categories"].get(category, model["any"])
    given = features(known, habit["rate"], habit["gap"])
    return chances.regression(model["regression"], given)
