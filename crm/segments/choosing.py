"""Does a run go by the model that is there, or is a new one due?"""

from datetime import datetime, timedelta

from crm.segments import drift
from crm.segments.features import Population
from crm.segments.model import Model
from crm.segments.parameters import Parameters

CHEAP = ("few_repeat_buyers", "equal_features")  # without a search there is nothing to save


def reason(
    kind: str, as_of: datetime, people: Population, model: Model | None, asked: Parameters
) -> tuple[bool, str]:
    """Whether to refit, and why: a refit when there is no model yet (`first`), when it was `asked`
    for, `monthly`, on `drift`, or while there are `no_clusters`; else a score, `daily` or `asked`.
    """
    if model is None or model.as_of is None:
        return True, "first"
    if kind != "auto":
        return kind == "refit", "asked"
    if model.reason in CHEAP:
        return True, "no_clusters"
    if as_of - model.as_of >= timedelta(days=asked.refit_after_days):
        return True, "monthly"
    moved = drift.index(people.repeat, model.drift)
    if moved is None or moved["most"] > asked.drift_limit:
        return True, "drift"
    return False, "daily"
