"""What a rule gives and when, as staff would say it."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from crm.console import formats
from crm.console.rule_words import ACTIVITIES, KINDS
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.i18n import gettext, locale
from crm.members import stores
from crm.members.tiers.ladder import Ladder
from crm.points.conditions import Conditions
from crm.points.rule import ACTIVITY, MULTIPLIER, PER_ORDER, PER_UNIT, RATE, Rule
from crm.segments import labels

LISTS = {
    "skus": N_("products {list}"),
    "categories": N_("categories {list}"),
    "labels": N_("labels {list}"),
    "stores": N_("stores {list}"),
    "channels": N_("channels {list}"),
    "tiers": N_("tiers {list}"),
    "segments": N_("segments {list}"),
}
Names = Mapping[str, Mapping[str, str]]


def names(ladder: Ladder) -> Names:
    """What codes in conditions are called: stores, tiers, segments."""
    return {
        "stores": stores.names(),
        "tiers": {tier.code: tier.name(locale()) for tier in ladder.tiers},
        "segments": labels.names(),
    }


def told(rule: Rule, currency: str, known: Names) -> dict[str, Any]:
    """A rule for a table: its name, what it gives, the conditions."""
    return {
        "id": rule.id,
        "name": called(rule.name, rule.kind),
        "gives": gives(rule, currency),
        "when": list(conditions(rule.conditions, currency, known)),
    }


def called(name: str, kind: str) -> str:
    """A rule's name; one that was given none is called by its kind."""
    return gettext(KINDS[kind]) if name == kind else name


def factor(value: Fraction) -> str:
    """× 1.5, with as many decimals as it has."""
    exact = f"{float(value):.6f}".rstrip("0").rstrip(".")
    return f"× {exact}"


def gives(rule: Rule, currency: str) -> str:
    """1 point for each ¥1; × 1.5; 30 points for a review."""
    if rule.kind == MULTIPLIER:
        return factor(Fraction(*rule.factor))
    if rule.kind == RATE:
        each = formats.money(rule.per_amount, currency, short=True)
        return ngettext(
            "{count} point for each {amount}",
            "{count} points for each {amount}",
            rule.points,
            amount=each,
        )
    if rule.kind == PER_ORDER:
        return ngettext("{count} point an order", "{count} points an order", rule.points)
    if rule.kind == PER_UNIT:
        return ngettext("{count} point a piece", "{count} points a piece", rule.points)
    assert rule.kind == ACTIVITY, rule.kind
    what = gettext(ACTIVITIES[rule.activity or "custom"])
    return ngettext("{count} point for {what}", "{count} points for {what}", rule.points, what=what)


def conditions(asked: Conditions, currency: str, known: Names) -> Iterator[str]:
    """Each condition in a few words."""
    for name, text in LISTS.items():
        if found := getattr(asked, name):
            called = known.get(name, {})
            yield say(text, list=", ".join(called.get(code, code) for code in sorted(found)))
    if asked.weekdays:
        yield ", ".join(formats.weekday(day) for day in sorted(asked.weekdays))
    if asked.window:
        yield f"{asked.window.start:%H:%M}–{asked.window.end:%H:%M}"
    if asked.min_basis:
        yield say(N_("orders from {amount}"), amount=formats.money(asked.min_basis, currency))
    if asked.first_order is not None:
        yield gettext(N_("first order") if asked.first_order else N_("not the first order"))
    if asked.birthday_month is not None:
        within, outside = N_("month of the birthday"), N_("not in the month of the birthday")
        yield gettext(within if asked.birthday_month else outside)
