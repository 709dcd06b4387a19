"""Next purchases as the contract shows them: a member's, and the model's back-test, with words."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from crm.db import db
from crm.i18n import N_, gettext
from crm.segments.next_purchase import chances, reading
from crm.segments.next_purchase.models import NextPurchaseModel
from crm.segments.next_purchase.parameters import HORIZONS, ORDERED_BY
from crm.segments.percentiles import Table

REASONS = {
    "not_bought": N_("Nothing bought yet."),
    "bought_once": N_("Bought once so far: too little to know a rhythm."),
    "store_unknown": N_("Too few members have come back so far to know how long it takes."),
    "no_model": N_("Chances are calculated every night; the first night is still to come."),
    "short_history": N_("The store's history is too short to check a forecast of this length."),
    "few_purchases": N_("Too few purchases so far to check a forecast of this length."),
    "few_returned": N_("Too few members have come back so far to learn from."),
    "not_fitted": N_("The purchases so far do not tell how often customers buy."),
    "no_better_than_the_mean": N_(
        "In the last test the chances were no better than one and the same for everybody."
    ),
}
METHODS = {
    "regression": N_("Logistic regression on the store's own past"),
    "mbg_nbd": N_("MBG/NBD, a model of buying and staying away"),
    "percentiles": N_("Plain percentiles of recency, frequency and amount"),
}


def reason(code: str | None) -> dict[str, str] | None:
    """`{"code", "text"}` in the current language."""
    return None if code is None else {"code": code, "text": gettext(REASONS[code])}


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
        "categories": [
            {"category": each.category} | _window(each, today)
            for each in found
            if each.category != reading.ANY and each.gaps
        ],
    }


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
        why = reason("not_bought" if features is None else "no_model")
        return [{"days": days, "chance": None, "reason": why} for days in HORIZONS]
    return [_chance(horizon, features) for horizon in model.horizons]


def _chance(horizon: dict[str, Any], features: Mapping[str, float]) -> dict[str, Any]:
    found, days = None, horizon["days"]
    if horizon["reason"] is None:
        found = round(chances.chance(horizon["model"], _placed(horizon, features), days), 3)
    return {"days": days, "chance": found, "reason": reason(horizon["reason"])}


def _placed(horizon: dict[str, Any], features: Mapping[str, float]) -> Mapping[str, float]:
    if horizon["model"]["kind"] != "percentiles":
        return features
    return {**features, "place": chances.place(horizon["model"]["tables"], features)}


def _place(model: NextPurchaseModel | None, features: Mapping[str, float] | None) -> float | None:
    if model is None or features is None:
        return None
    horizon = next(each for each in model.horizons if each["days"] == ORDERED_BY)
    score = chances.score(horizon["model"], _placed(horizon, features), ORDERED_BY)
    return round(Table.read(model.sample["spread"]).midrank(round(score, 6)), 3)


def back_test(model: NextPurchaseModel) -> dict[str, Any]:
    """A model with its back-test, for the API."""
    return {
        "id": model.id,
        "as_of": model.as_of,
        "day": model.day,
        "sample": {name: model.sample[name] for name in ("share", "members", "purchase_days")},
        "input_hash": model.input_hash,
        "versions": model.versions,
        "horizons": [_horizon(each) for each in model.horizons],
    }


def _horizon(stored: dict[str, Any]) -> dict[str, Any]:
    test = stored["back_test"]
    return {
        "days": stored["days"],
        "method": stored["method"],
        "method_text": gettext(METHODS[stored["method"]]),
        "abstains": reason(stored["reason"]),
        "trained_on": _days(stored["trained_on"]),
        "model": _parameters(stored["model"]),
        "back_test": test
        | {
            "from": date.fromisoformat(test["from"]),
            "until": date.fromisoformat(test["until"]),
            "candidates": [
                {
                    "method": each["method"],
                    "method_text": gettext(METHODS[each["method"]]),
                    "refused": reason(each["refused"]),
                    "trained_on": _days(each["trained_on"]),
                    "model": _parameters(each["model"]),
                    "figures": each["figures"],
                }
                for each in test["candidates"]
            ],
        },
    }


def _days(seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"cut": date.fromisoformat(row["cut"])} for row in seen]


def _parameters(model: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a model consists of, without its tables of percentiles."""
    return model and {name: value for name, value in model.items() if name != "tables"}
