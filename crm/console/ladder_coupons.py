"""The coupons that tiers bring, by the names of their templates."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.console.forms import Form
from crm.coupons import templates

BIRTHDAY, MONTHLY = "/benefits/birthday_coupon", "/benefits/monthly_coupons"
MOST_TEMPLATES = 200


def options(form: Form, places: Iterable[int], now: datetime) -> dict[str, dict[str, str]]:
    """What may be chosen in the fields of these tiers; what is chosen already can be kept.

    A tier that brings several of one coupon each month keeps its list of ids: boxes can't say so.
    """
    open_ = {str(one.id): one.name for one in templates.listed(MOST_TEMPLATES, open_at=now)}
    fields = [f"/tiers/{place}{end}" for place in places for end in (BIRTHDAY, MONTHLY)]
    chosen = {name: _ids(form.values.get(name)) for name in fields}
    known = named({one for ids in chosen.values() for one in ids} - open_.keys())
    found = {}
    for name, ids in chosen.items():
        offered = open_ | {one: known.get(one, one) for one in ids if one not in open_}
        if offered and max(Counter(ids).values(), default=1) == 1:
            found[name] = offered
    return found


def named(ids: Iterable[str]) -> dict[str, str]:
    """The names of templates; ids that are none are left out."""
    wanted = [UUID(one) for one in ids if _is_id(one)]
    return {str(one.id): one.name for one in templates.many(wanted).values()} if wanted else {}


def with_names(document: Mapping[str, Any]) -> dict[str, Any]:
    """A ladder in which coupons go by their names, for people to read."""
    ids = {
        one
        for tier in document["tiers"]
        for name in ("birthday_coupon", "monthly_coupons")
        for one in _ids(tier.get("benefits", {}).get(name))
    }
    if not ids:
        return dict(document)
    known = named(ids)
    return {**document, "tiers": [_renamed(tier, known) for tier in document["tiers"]]}


def _renamed(tier: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    benefits = dict(tier.get("benefits", {}))
    if benefits.get("birthday_coupon"):
        one = str(benefits["birthday_coupon"])
        benefits["birthday_coupon"] = known.get(one, one)
    if benefits.get("monthly_coupons"):
        listed = [str(one) for one in benefits["monthly_coupons"]]
        benefits["monthly_coupons"] = [known.get(one, one) for one in listed]
    return {**tier, "benefits": benefits}


def _ids(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value if one]
    return [str(value)] if value else []


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
