"""A draft of a rule and the cart that it is tried on: read from the form, reckoned, told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from crm.console import forms, mistakes, rule_preview
from crm.console.cart_form import CART_WORDS, LINES, cart_leaves, line_leaves, read_cart
from crm.console.forms import Form, Manner
from crm.console.rule_forms import WORDS, leaves_of
from crm.console.settings_page import manner_at
from crm.console.words import say
from crm.errors import N_, Refused
from crm.points.rule import ACTIVITY
from crm.points.rule_schemas import RuleIn

Given = MultiDict[str, str]


def document(given: Given, kind: str, manner: Manner) -> dict[str, Any]:
    """The rule that a form says, for the schema to judge."""
    read = forms.read(leaves_of(kind), given, manner, blank="omit")
    return {"kind": kind, **read}


def cart_fields() -> list[forms.Leaf]:
    """Every field of the cart."""
    return [*cart_leaves(), *(leaf for place in range(LINES) for leaf in line_leaves(place))]


def tried(
    given: Given, form: Form, kind: str, rule_id: UUID | None, now: datetime
) -> dict[str, Any] | None:
    """The result of the draft and cart that were sent; None where one of them can't be read."""
    manner = manner_at(now)
    try:
        body = mistakes.load(RuleIn(), document(given, kind, manner))
        lines, facts = read_cart(given, manner, goods=kind != ACTIVITY)
    except Refused as refused:
        mistakes.blame(form, refused, [*leaves_of(kind), *cart_fields()], manner)
        return None
    at = facts["at"] or now
    draft = rule_preview.draft(body, rule_id, at)
    return rule_preview.tell(rule_preview.Tried(draft, lines, facts, at), manner)


def named(form: Form) -> list[str]:
    """What can't be read yet, each with the name of its field."""
    found = []
    for pointer, text in form.errors.items():
        words = CART_WORDS if pointer.startswith("/cart/") else WORDS
        found.append(say(N_("{field}: {mistake}"), field=words.label(pointer), mistake=text))
    return found + form.said


def example(document: Mapping[str, Any], known: Mapping[str, Any], now: datetime) -> Any:
    """A cart to begin with: one that the rule is about."""
    asked = document.get("conditions") or {}

    def first(name: str) -> str | None:
        return next(iter(asked.get(name) or ()), None)

    line = {
        "sku": first("skus"),
        "category": first("categories"),
        "labels": (asked.get("labels") or [])[:1],
        "quantity": 1,
        "unit_price": max(asked.get("min_basis") or 0, 10_000),
    }
    starts = document.get("starts_at")
    return {
        "cart": {
            "lines": {"0": line},
            "at": max(now, starts) if starts else now.replace(second=0),
            "store": first("stores"),
            "channel": first("channels"),
            "tier": first("tiers") or next(iter(known["tiers"])),
            "segment": first("segments"),
            "first_order": bool(asked.get("first_order")),
            "birthday_month": bool(asked.get("birthday_month")),
        }
    }
