"""A ladder in words, value by value, so that two of them can be compared."""

from collections.abc import Iterator, Mapping
from typing import Any

from crm.console import forms, ladder_coupons, telling
from crm.console.forms import Manner
from crm.console.ladder_form import PLAIN, SETTINGS
from crm.console.ladder_words import WORDS
from crm.console.standing import metric_text
from crm.console.telling import NOTHING, Difference
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext, locale

ORDER = "order of tiers"
Facts = dict[str, tuple[str, str]]


def facts(document: Mapping[str, Any], manner: Manner) -> Facts:
    """Every value of a ladder: what it is called and what it says, by a stable key."""
    found: Facts = {}
    document = ladder_coupons.with_names(document)
    names = [_name(tier) for tier in document["tiers"]]
    found[ORDER] = (gettext(N_("Tiers, lowest first")), " < ".join(names))
    for tier in document["tiers"]:
        for key, label, value in _tier(tier, manner):
            text = say(N_("{tier}: {what}"), tier=_name(tier), what=label)
            found[f"{tier['code']}/{key}"] = (text, value)
    for leaf in SETTINGS:
        value = forms.look_up(document, leaf.pointer)
        label = WORDS.label(leaf.pointer)
        found[leaf.pointer] = (label, telling.told(leaf, value, WORDS, manner))
    return found


def _name(tier: Mapping[str, Any]) -> str:
    return tier["name"].get(locale()) or tier["name"].get("en") or tier["code"]


def _tier(tier: Mapping[str, Any], manner: Manner) -> Iterator[tuple[str, str, str]]:
    for leaf in PLAIN:
        value = forms.look_up(tier, leaf.pointer)
        if leaf.pointer != "/code" and value not in (None, "", [], False):
            label = WORDS.label(f"/tiers/0{leaf.pointer}")
            yield leaf.pointer, label, telling.told(leaf, value, WORDS, manner)
    for part in ("qualify", "keep"):
        if tier.get(part):
            label = WORDS.label(f"/tiers/0/{part}/match")
            yield part, label, _asked(tier[part], manner)


def _asked(asked: Mapping[str, Any], manner: Manner) -> str:
    match = "all" if "all" in asked else "any"
    texts = [metric_text(one["metric"], one["at_least"], manner.currency) for one in asked[match]]
    word = N_("{first} and {second}") if match == "all" else N_("{first} or {second}")
    told = texts[0] if texts else NOTHING
    for text in texts[1:]:
        told = gettext(word).format(first=told, second=text)
    return told


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], manner: Manner
) -> list[Difference]:
    """What changed from one ladder to the next."""
    old, new = facts(before, manner), facts(after, manner)
    found = []
    for key in [*new, *(key for key in old if key not in new)]:
        was, now = old.get(key), new.get(key)
        if (was or ("", NOTHING))[1] != (now or ("", NOTHING))[1]:
            label = (now or was or ("", ""))[0]
            found.append(Difference(label, was[1] if was else NOTHING, now[1] if now else NOTHING))
    return found
