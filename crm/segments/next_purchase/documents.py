"""A member's next purchase as the contract shows it, with words."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from crm.db import db
from crm.segments.next_purchase import chances, reading
from crm.segments.next_purchase.categories import reading as categories
from crm.segments.next_purchase.categories.reading import Bought
from crm.segments.next_purchase.models import NextPurchaseModel
from crm.segments.next_purchase.parameters import HORIZONS, ORDERED_BY
from crm.segments.next_purchase.words import reason
from crm.segments.percentiles import Table

WINDOW = ("from_days", "middle_days", "to_days", "opens", "closes", "state")
NO_WINDOW = dict.fromkeys(WINDOW)
NEWEST = text("""
    SELECT m.id AS model, r.lower_days, r.upper_days
    FROM (SELECT (SELECT id FROM next_purchase_model ORDER BY as_of DESC LIMIT 1) AS id) m
    LEFT JOIN store_rhythm r ON r.category = ''
""")


def current() -> NextPurchaseModel | None:
    """The newest model."""
    found = db.session.execute(NEWEST).one().model
    return None if found is None else _model(found)


@lru_cache(maxsize=2)
def _model(model_id: UUID) -> NextPurchaseModel:
    """A model, which never changes."""
    found = db.session.get_one(NextPurchaseModel, model_id)
    db.session.expunge(found)
    return found


def of_member(
    member_id: UUID, features: Mapping[str, float] | None, *, now: datetime, today: date
) -> dict[str, Any]:
    """A member's usual windows and chances as of now. `features`: None before he bought.

    Chances come from the newest model and what he bought up to now; windows from his orders.
    """
    newest = db.session.execute(NEWEST).one()
    model = None if newest.model is None else _model(newest.model)
    found = reading.of_member(member_id, now=now) if features else []
    overall = next((each for each in found if each.category == reading.ANY), None)
    unknown = _unknown(features, overall)
    return {
        "model_id": model.id if model else None,
        "as_of": model.as_of if model else None,
        "chances": _chances(model, features),
        "place": _place(model, features),
        "usual_window": None if unknown or overall is None else _window(overall, today),
        "abstains": reason(unknown),
        "store_window": _store_window(newest),
        "categories": _categories(model, member_id, features, found, now=now, today=today),
    }


def _categories(
    model: NextPurchaseModel | None,
    member_id: UUID,
    features: Mapping[str, float] | None,
    windows: list[reading.Window],
    *,
    now: datetime,
    today: date,
) -> list[dict[str, Any]]:
    """Each category in which he bought: his window there, and his chances."""
    if features is None:
        return []
    stores: dict[int, float | None] = dict.fromkeys(HORIZONS)
    if model is not None:
        stores |= {each["days"]: chances.told(each, features) for each in model.horizons}
    usual = {each.category: each for each in windows}
    return [
        {
            "category": one.category,
            "purchase_days": one.days,
            **_category_window(one, usual.get(one.category), today),
            "chances": _category_chances(model, one, features, stores, today),
        }
        for one in categories.bought([member_id], now=now)
    ]


def _category_window(one: Bought, window: reading.Window | None, today: date) -> dict[str, Any]:
    if window is not None and window.gaps:
        return _window(window, today) | {"abstains": None}
    unknown = "bought_once" if one.days == 1 else "store_unknown"
    return NO_WINDOW | {"last_day": one.last_day, "own_gaps": 0, "abstains": reason(unknown)}


def _category_chances(
    model: NextPurchaseModel | None,
    one: Bought,
    features: Mapping[str, float],
    stores: Mapping[int, float | None],
    today: date,
) -> list[dict[str, Any]]:
    if model is None or model.categories is None:
        return _silent("no_model")
    return [
        {"days": each.days, "chance": each.chance, "reason": reason(each.reason)}
        for each in categories.said(model.categories, one, features, stores, today)
    ]


def _unknown(features: Mapping[str, float] | None, overall: reading.Window | None) -> str | None:
    if features is None:
        return "not_bought"
    if overall is None:
        return "store_unknown"
    return None if overall.gaps else "bought_once"


def _window(window: reading.Window, today: date) -> dict[str, Any]:
    return {
        "from_days": window.lower_days,
        "middle_days": window.middle_days,
        "to_days": window.upper_days,
        "opens": window.opens,
        "closes": window.closes,
        "last_day": window.last_day,
        "own_gaps": window.gaps,
        "state": window.state(today),
    }


def _store_window(newest: Row[Any]) -> dict[str, int] | None:
    if newest.lower_days is None:
        return None
    return {"from_days": round(newest.lower_days), "to_days": round(newest.upper_days)}


def _chances(
    model: NextPurchaseModel | None, features: Mapping[str, float] | None
) -> list[dict[str, Any]]:
    if model is None or features is None:
        return _silent("not_bought" if features is None else "no_model")
    return [_chance(horizon, features) for horizon in model.horizons]


def _silent(code: str) -> list[dict[str, Any]]:
    return [{"days": days, "chance": None, "reason": reason(code)} for days in HORIZONS]


def _chance(horizon: dict[str, Any], features: Mapping[str, float]) -> dict[str, Any]:
    found = chances.told(horizon, features)
    said = None if found is None else round(found, 3)
    return {"days": horizon["days"], "chance": said, "reason": reason(horizon["reason"])}


def _place(model: NextPurchaseModel | None, features: Mapping[str, float] | None) -> float | None:
    if model is None or features is None:
        return None
    horizon = next(each for each in model.horizons if each["days"] == ORDERED_BY)
    score = chances.score(horizon["model"], chances.placed(horizon, features), ORDERED_BY)
    return round(Table.read(model.sample["spread"]).midrank(round(score, 6)), 3)
