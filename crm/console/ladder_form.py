"""The ladder as a form: a block of fields for each tier, thresholds by metric.

A document may ask for one metric several times; of such the form shows the one that decides, which
means the same.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from crm.console import forms
from crm.console.forms import Form, Leaf, Manner
from crm.http import fields
from crm.members.tiers.schemas import METRICS, LadderIn, TierDocument

GLOBALS = tuple(forms.leaves(LadderIn, skip=("version", "tiers")))
SETTINGS = tuple(leaf for leaf in GLOBALS if leaf.pointer != "/effective_at")
EFFECTIVE = next(leaf for leaf in GLOBALS if leaf.pointer == "/effective_at")
PLAIN = tuple(forms.leaves(TierDocument, skip=("qualify", "keep")))
SAME = "same"
# Only how thresholds are written; whether they will do is the schema's to say.
WRITTEN = {"spend": fields.minor(), "orders": fields.Whole(), "points_earned": fields.Whole()}
PLACE = re.compile(r"/tiers/(\d{1,3})/")
NEW_TIER: Mapping[str, Any] = {"multiplier": "1", "qualify/match": "any", "keep/match": SAME}


def asked_leaves(place: int | str, part: str) -> tuple[Leaf, ...]:
    """The fields of `qualify` or `keep` of a tier."""
    at = f"/tiers/{place}/{part}"
    matches = ("any", "all") if part == "qualify" else (SAME, "any", "all")
    return (
        Leaf(f"{at}/match", fields.Choice(*matches)),
        *(Leaf(f"{at}/{metric}", WRITTEN[metric]) for metric in METRICS),
    )


def plain_leaves(place: int | str) -> tuple[Leaf, ...]:
    """The other fields of a tier."""
    return tuple(Leaf(f"/tiers/{place}{leaf.pointer}", leaf.field) for leaf in PLAIN)


def tier_leaves(place: int | str) -> tuple[Leaf, ...]:
    """All fields of a tier."""
    return (
        *plain_leaves(place),
        *asked_leaves(place, "qualify"),
        *asked_leaves(place, "keep"),
    )


def every_leaf(places: Iterable[int]) -> list[Leaf]:
    """All fields of a form with these tiers."""
    return [*GLOBALS, *(leaf for place in places for leaf in tier_leaves(place))]


def places(given: MultiDict[str, str]) -> list[int]:
    """The tiers that a form speaks of, lowest first."""
    return sorted({int(found[1]) for name in given if (found := PLACE.match(name))})


def shown(document: Mapping[str, Any], manner: Manner) -> Form:
    """The form of a ladder."""
    form = Form(forms.values(GLOBALS, document, manner))
    for place, tier in enumerate(document["tiers"]):
        inner = {"tiers": {str(place): tier}}
        form.values |= forms.values(plain_leaves(place), inner, manner)
        for part in ("qualify", "keep"):
            form.values |= _asked_values(place, part, tier.get(part), manner)
        form.values[f"/tiers/{place}/was"] = tier["code"]
    return form


def _asked_values(
    place: int, part: str, asked: Mapping[str, Any] | None, manner: Manner
) -> dict[str, Any]:
    match = next(iter(asked), "any") if asked else SAME if part == "keep" else "any"
    found: dict[str, Any] = {f"/tiers/{place}/{part}/match": match}
    decide = max if match == "all" else min
    for metric in METRICS:
        items = (asked or {}).get(match, ())
        least = [item["at_least"] for item in items if item["metric"] == metric]
        text = ""
        if least:
            one = decide(least)
            text = forms.decimal(one, manner.currency) if metric == "spend" else str(one)
        found[f"/tiers/{place}/{part}/{metric}"] = text
    return found


def read(
    given: MultiDict[str, str], manner: Manner, known: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The document that a form says, and where its places are in the form, by JSON pointer.

    `known` are the tiers of the version that the form was made from, by code: benefits that the
    form does not show stay as they are there.
    """
    document = forms.read(GLOBALS, given, manner)
    if not document.get("effective_at"):
        document.pop("effective_at", None)
    document["tiers"], moved = [], {}
    for number, place in enumerate(places(given)):
        tier, inside = _tier(given, place, manner)
        before = known.get(given.get(f"/tiers/{place}/was", ""), {}).get("benefits") or {}
        tier["benefits"] = _unseen(before) | tier.get("benefits", {})
        document["tiers"].append(tier)
        moved |= {f"/tiers/{number}{end}": f"/tiers/{place}{to}" for end, to in inside.items()}
        moved |= {
            f"/tiers/{number}{leaf.pointer}": f"/tiers/{place}{leaf.pointer}" for leaf in PLAIN
        }
    return document, moved


def _tier(
    given: MultiDict[str, str], place: int, manner: Manner
) -> tuple[dict[str, Any], dict[str, str]]:
    read = forms.read(plain_leaves(place), given, manner, blank="omit")
    tier = read.get("tiers", {}).get(str(place), {})
    tier.setdefault("code", "")
    tier.setdefault("name", {})
    inside: dict[str, str] = {}
    for part in ("qualify", "keep"):
        inside[f"/{part}"] = f"/{part}/match"
        match = given.get(f"/tiers/{place}/{part}/match", "any")
        if match == SAME:
            tier[part] = None
            continue
        written = forms.read(asked_leaves(place, part)[1:], given, manner, blank="omit")
        asked = forms.look_up(written, f"/tiers/{place}/{part}") or {}
        tier[part] = {match: [{"metric": one, "at_least": asked[one]} for one in asked]}
        for item, metric in enumerate(asked):
            inside[f"/{part}/{match}/{item}/at_least"] = f"/{part}/{metric}"
    return tier, inside


def _unseen(benefits: Mapping[str, Any]) -> dict[str, Any]:
    shown_names = {leaf.pointer.split("/")[2] for leaf in PLAIN if "/benefits/" in leaf.pointer}
    return {name: value for name, value in benefits.items() if name not in shown_names}


def rearranged(given: MultiDict[str, str], act: str) -> Form:
    """The form as it was typed, after a tier was added, removed or moved.

    `act` is "add", "remove:2", "up:2" or "down:2"; anything else changes nothing.
    """
    tiers = [_typed_tier(given, place) for place in places(given)]
    what, _, number = act.partition(":")
    at = int(number) if number.isdecimal() and len(number) < 4 else -1
    if what == "add":
        tiers.append(dict(NEW_TIER))
    elif what == "remove" and 0 <= at < len(tiers):
        del tiers[at]
    elif what == "up" and 0 <= at < len(tiers) - 1:
        tiers[at], tiers[at + 1] = tiers[at + 1], tiers[at]
    elif what == "down" and 0 < at < len(tiers):
        tiers[at], tiers[at - 1] = tiers[at - 1], tiers[at]
    form = Form(forms.typed(GLOBALS, given))
    for place, tier in enumerate(tiers):
        form.values |= {f"/tiers/{place}/{end}": value for end, value in tier.items()}
    return form


def _typed_tier(given: MultiDict[str, str], place: int) -> dict[str, Any]:
    start = f"/tiers/{place}/"
    found = {
        pointer.removeprefix(start): value
        for pointer, value in forms.typed(tier_leaves(place), given).items()
    }
    return found | {"was": given.get(f"{start}was", "")}
