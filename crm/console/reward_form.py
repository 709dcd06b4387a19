"""The form of a reward, over the schemas of the API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from crm.console import forms
from crm.console.forms import Form, Leaf, Manner
from crm.coupons import templates
from crm.http import fields
from crm.members.tiers.ladder import Ladder
from crm.points.rewards.schemas import RewardPatch

EVERY = tuple(forms.leaves(RewardPatch, skip=("tier_prices", "ended")))
GROUPS = (
    ("what", ("name", "description", "sku", "coupon_template")),
    ("price", ("points", "tier_prices")),
    ("limits", ("stock", "per_member_limit", "starts_at", "ends_at")),
)
MOST_TEMPLATES = 200


def leaves_of(kind: str, ladder: Ladder) -> list[Leaf]:
    """The fields of a reward of this kind, with a price for each tier."""
    foreign = "/sku" if kind == "coupon" else "/coupon_template"
    prices = [Leaf(f"/tier_prices/{tier.code}", fields.points(1)) for tier in ladder.tiers]
    return [leaf for leaf in (*EVERY, *prices) if leaf.pointer != foreign]


def groups(known: list[Leaf]) -> dict[str, list[Leaf]]:
    """The fields by the part of the form that they stand in."""
    return {
        name: [leaf for first in firsts for leaf in known if leaf.pointer.split("/")[1] == first]
        for name, firsts in GROUPS
    }


def options(form: Form, now: datetime) -> dict[str, dict[str, str]]:
    """The coupon templates that may be chosen; the one that is named can be kept."""
    found = {str(one.id): one.name for one in templates.listed(MOST_TEMPLATES, open_at=now)}
    chosen = form.values.get("/coupon_template")
    if chosen and chosen not in found:
        found[chosen] = chosen
    return {"/coupon_template": found or {"": "–"}}


def shown(document: Mapping[str, Any], known: list[Leaf], manner: Manner) -> Form:
    """The form with a reward's values, as the API shows them."""
    return Form(forms.values(known, document, manner))


def read(
    known: list[Leaf], given: MultiDict[str, str], manner: Manner, kept: Mapping[str, int]
) -> dict[str, Any]:
    """The document that the form says; what is blank is null where it may be.

    `kept`: prices by codes that the ladder does not have now; they stay.
    """
    document = forms.read(known, given, manner, blank="omit")
    for leaf in known:
        name = leaf.pointer[1:]
        if "/" not in name and leaf.field.allow_none:
            document.setdefault(name, None)
    document.setdefault("name", {})
    document.setdefault("description", None)
    document["tier_prices"] = {**kept, **document.get("tier_prices", {})}
    return document


def typed(known: list[Leaf], given: MultiDict[str, str]) -> dict[str, Any]:
    """What somebody typed, to be shown again as it was."""
    return forms.typed(known, given)
