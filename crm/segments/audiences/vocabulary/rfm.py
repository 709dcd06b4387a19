"""`rfm.*`: how recently, how often and for how much a member bought. Orders count from their
payment; cancelled and fully refunded ones do not. Amounts in minor units of the programme's
currency."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from crm.i18n import N_
from crm.segments import directory, labels, runs
from crm.segments.audiences import percentile_conditions
from crm.segments.audiences.field import Choice, Field, Scope
from crm.segments.audiences.kinds import CHOICE, MONEY, SHARE, WHOLE
from crm.segments.audiences.percentile_conditions import NEVER, Of
from crm.segments.audiences.vocabulary.bought import BOUGHT
from crm.segments.percentiles import Table


def segments(_: datetime) -> list[Choice]:
    """The segments that members can be in, best first."""
    return [Choice(code, name) for code, name in labels.names().items()]


def _percentile(of: Of) -> Callable[[Scope, str, Any], tuple[str, Any]]:
    """Turns a share of all buyers into the value at which it begins, by the current run."""

    def prepare(_: Scope, op: str, value: Any) -> tuple[str, Any]:
        run = runs.current()
        if run is None:
            return ("ne", -1) if op == "exists" and not value else NEVER
        if op == "exists":
            return op, value
        table: Table = getattr(directory.distributions(run.id), of)
        return percentile_conditions.translate(table, op, value, falling=of == "recency")

    return prepare


FIELDS = (
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
        "{r}.last_day",
        BOUGHT,
        days_since=True,
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
        "{r}.first_day",
        BOUGHT,
        days_since=True,
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
        "{r}.last_day",
        BOUGHT,
        days_since=True,
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
