"""When a member buys again and what, in plain words; or why that is not known."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from crm.console import formats
from crm.console.words import say
from crm.errors import N_, NN_
from crm.i18n import gettext
from crm.segments.baskets import suggesting
from crm.segments.next_purchase.parameters import ORDERED_BY

SUGGESTED = 3
CATEGORIES = 4
WINDOW = N_("Usually {from_days}–{to_days} days after a purchase")
ONE_LENGTH = NN_(
    "Usually {from_days} day after a purchase",
    "Usually {from_days} days after a purchase",
    "from_days",
)
SHORT = N_("{from_days}–{to_days} days")
SOON = N_("buys within {days}: {chance}")
STATES = {
    "before": N_("that is {opens} to {closes}"),
    "open": N_("that is now, until {closes}"),
    "past": N_("that was {opens} to {closes}"),
}
NO_WINDOW = {"length": "", "state": "", "open": False}
STORES = N_("Members who come back mostly do so after {from_days} to {to_days} days.")
MORE_LIKELY = N_("More likely to buy than {share} of customers")
UNDER_ONE = N_("under 1%")
BECAUSE = N_("{share} of those who bought {name} took it, {times} times as many as usual")
POPULAR = N_("a best seller")


def told(member_id: UUID, found: dict[str, Any], *, now: datetime, today: date) -> dict[str, Any]:
    """What parts/next_purchase.html shows. `found`: the member's next purchase, as in the API."""
    reasons = {each["reason"]["text"] for each in found["chances"] if each["reason"]}
    return {
        "window": _window(found["usual_window"], today),
        "abstains": found["abstains"]["text"] if found["abstains"] else "",
        "store": _store(found),
        "chances": [
            {"days": formats.days(each["days"]), "chance": _chance(each["chance"])}
            for each in found["chances"]
            if each["chance"] is not None
        ],
        "silent": sorted(reasons - {found["abstains"]["text"] if found["abstains"] else ""}),
        "place": _place(found["place"]),
        "categories": _categories(found["categories"], today),
        "products": [
            {"name": each.name, "why": _why(each)}
            for each in suggesting.suggest(member_id, SUGGESTED, now)
        ],
    }


def _categories(found: list[dict[str, Any]], today: date) -> list[dict[str, Any]]:
    """Those in which he bought on the most days, of which there is something to say."""
    told = []
    for each in sorted(found, key=lambda each: -each["purchase_days"]):
        soon = next(one["chance"] for one in each["chances"] if one["days"] == ORDERED_BY)
        known = each["abstains"] is None
        if known or soon is not None:
            window = _window(each, today) | {"length": say(SHORT, **each)} if known else NO_WINDOW
            chance = "" if soon is None else _soon(soon)
            told.append({"name": each["category"], "chance": chance, **window})
    return told[:CATEGORIES]


def _soon(chance: float) -> str:
    return say(SOON, days=formats.days(ORDERED_BY), chance=_chance(chance))


def _window(window: dict[str, Any] | None, today: date) -> Any:
    if window is None:
        return None
    length = ONE_LENGTH if window["from_days"] == window["to_days"] else WINDOW
    opens, closes = formats.day(window["opens"], today), formats.day(window["closes"], today)
    return {
        "length": say(length, **window),
        "state": say(STATES[window["state"]], opens=opens, closes=closes),
        "open": window["state"] == "open",
    }


def _store(found: dict[str, Any]) -> str:
    window = found["store_window"]
    bought_once = found["abstains"] and found["abstains"]["code"] == "bought_once"
    return say(STORES, **window) if window and bought_once else ""


def _chance(chance: float) -> str:
    return gettext(UNDER_ONE) if chance < 0.01 else formats.percent(chance)


def _place(place: float | None) -> str:
    return "" if place is None else say(MORE_LIKELY, share=formats.percent(min(place, 0.99)))


def _why(suggestion: suggesting.Suggestion) -> str:
    if suggestion.confidence is None or suggestion.lift is None:
        return gettext(POPULAR)
    return say(
        BECAUSE,
        share=formats.percent(suggestion.confidence),
        name=suggestion.because_name or suggestion.because_sku,
        times=formats.number(suggestion.lift, 1),
    )
