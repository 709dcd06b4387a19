"""Chances per category of many members at once, by the newest model: for those who act on them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from crm.segments.next_purchase import chances, documents
from crm.segments.next_purchase.categories import reading
from crm.segments.next_purchase.categories.reading import Bought
from crm.segments.next_purchase.models import NextPurchaseModel


class Asked(NamedTuple):
    """Whether a member buys in a category soon, from a day on."""

    member_id: UUID
    category: str
    day: date


def spoken(model: NextPurchaseModel | None, days: int) -> list[str]:
    """The categories of which a night's model tells chances for so many days."""
    if model is None or model.categories is None:
        return []
    horizon = next(each for each in model.categories["horizons"] if each["days"] == days)
    rows = (each["category"] for each in horizon["categories"])
    return [name for name in rows if reading.silent(horizon, name) is None]


def within(days: int, asked: Sequence[Asked], *, now: datetime) -> list[float | None]:
    """The chance of each to buy in his category within `days`, by what he bought up to `now`.

    None: the newest model does not tell. Two statements for any number.
    """
    model = documents.current()
    wanted = set(spoken(model, days))
    members = sorted({one.member_id for one in asked if one.category in wanted})
    if model is None or not members:
        return [None] * len(asked)
    pairs = {(one.member_id, one.category): one for one in reading.bought(members, now=now)}
    anything = {one.member_id: one for one in reading.bought_anything(members, now=now)}
    found: list[float | None] = []
    for one in asked:
        pair, all_ = pairs.get((one.member_id, one.category)), anything.get(one.member_id)
        if pair is None or all_ is None or one.category not in wanted:
            found.append(None)
        else:
            found.append(foretold(model, pair, all_, days, one.day))
    return found


def foretold(
    model: NextPurchaseModel, pair: Bought, anything: Bought, days: int, today: date
) -> float | None:
    """The chance by a night's model that a member buys in a category within `days`.

    `pair`: what he bought in it; `anything`: his purchases of any kind.
    """
    assert model.categories is not None, "of a model that speaks of categories"
    everything = anything.features(today)
    stores = {each["days"]: chances.told(each, everything) for each in model.horizons}
    found = reading.said(model.categories, pair, everything, stores, today)
    return next(each.chance for each in found if each.days == days)
