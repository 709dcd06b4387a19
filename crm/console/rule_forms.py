"""The forms of rules: each kind has the fields that it takes, and no others."""

from collections.abc import Iterable
from typing import Any

from crm.console import formats, forms, rule_told
from crm.console.forms import Leaf
from crm.console.rule_words import CHOICES, HINTS, LABELS
from crm.console.setting_words import CHOICES as SETTING_CHOICES
from crm.console.telling import Words
from crm.members.tiers import storage
from crm.points.rule import ACTIVITY
from crm.points.rule_schemas import OF_ACTIVITIES, OF_ORDERS, SPECIAL, TAKES, RuleIn

WORDS = Words(LABELS, HINTS, {**CHOICES, "/expiry/policy": SETTING_CHOICES["/expiry/policy"]})
EVERY = tuple(forms.leaves(RuleIn, skip=("kind",)))
MOST_BOXES = 30  # of stores: more than these are easier to type than to find
GROUPS = (
    ("gives", ("name", *SPECIAL, "expiry")),
    ("when", ("starts_at", "ends_at")),
    ("conditions", ("conditions",)),
    ("limits", ("cap", "priority", "exclusive_group")),
)


def leaves_of(kind: str) -> tuple[Leaf, ...]:
    """The fields of a rule of this kind."""
    return tuple(leaf for leaf in EVERY if _takes(kind, leaf.pointer))


def _takes(kind: str, pointer: str) -> bool:
    first, _, second = pointer[1:].partition("/")
    if first in SPECIAL:
        return first in TAKES[kind] or (kind == ACTIVITY and first in OF_ACTIVITIES)
    about_orders = (first == "conditions" and second in OF_ORDERS) or pointer == "/cap/per_order"
    return not (kind == ACTIVITY and about_orders)


def groups(kind: str) -> dict[str, list[Leaf]]:
    """The fields by the part of the form that they stand in."""
    known = leaves_of(kind)
    return {
        name: [leaf for first in firsts for leaf in known if leaf.pointer.split("/")[1] == first]
        for name, firsts in GROUPS
    }


def options(values: dict[str, Any], known: rule_told.Names) -> dict[str, dict[str, str]]:
    """What can be ticked: tiers, segments, stores if they are few, days of the week.

    What a rule names already can be kept, known or not.
    """
    found = {
        "/conditions/weekdays": {str(day): formats.weekday(day) for day in range(1, 8)},
        "/conditions/tiers": dict(known["tiers"]),
        "/conditions/segments": dict(known["segments"]),
    }
    if 0 < len(known["stores"]) <= MOST_BOXES:
        found["/conditions/stores"] = dict(known["stores"])
    for pointer, choices in found.items():
        choices.update({code: code for code in _kept(values.get(pointer)) if code not in choices})
    return found


def _kept(value: Any) -> Iterable[str]:
    return value if isinstance(value, list) else ()


def names_at(now: Any) -> rule_told.Names:
    """What codes are called by the ladder in force."""
    return rule_told.names(storage.ladder_at(now))
