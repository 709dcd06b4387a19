"""A night's models with their back-tests as the contract shows them, with words."""

from datetime import date
from typing import Any

from crm.i18n import gettext
from crm.segments.next_purchase.models import NextPurchaseModel
from crm.segments.next_purchase.words import METHODS, reason


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
        "categories": model.categories and _categories(model.categories),
    }


def _categories(stored: dict[str, Any]) -> dict[str, Any]:
    """The models of who buys in which category, with how they did in each."""
    return {
        "sample": stored["sample"],
        "input_hash": stored["input_hash"],
        "horizons": [
            _horizon(each) | {"categories": [_category(row) for row in each["categories"]]}
            for each in stored["horizons"]
        ],
    }


def _category(row: dict[str, Any]) -> dict[str, Any]:
    share = round(row["bought"] / row["customers"], 6)
    return row | {"share": share, "abstains": reason(row["reason"])}


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
