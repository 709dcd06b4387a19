"""How members earn and rise, read out: the ladder of tiers, the rules in force, the settings."""

from collections.abc import Iterator
from fractions import Fraction

from flask import render_template

from crm import clock
from crm.console import formats
from crm.console.blueprint import blp
from crm.console.standing import metric_text, pips
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.http.permissions import needs
from crm.i18n import gettext, locale
from crm.members.tiers import storage
from crm.members.tiers.ladder import Conditions, Ladder
from crm.points import programme as programmes
from crm.points import rulebook
from crm.points.conditions import Conditions as RuleConditions
from crm.points.programme_settings import Programme
from crm.points.rule import ACTIVITY, MULTIPLIER, PER_ORDER, PER_UNIT, RATE, Rule

WINDOWS = {
    "rolling_months": N_("Counted over the last {months} months."),
    "calendar_year": N_("Counted over the calendar year."),
    "membership_year": N_("Counted over the year of membership."),
    "lifetime": N_("Counted over all time."),
}
DOWNGRADES = {
    "one_step": N_("Who falls short at its end goes down one step."),
    "straight": N_("Who falls short at its end goes down to the tier that fits."),
    "never": N_("Nobody goes down."),
}
PENDING = {
    "days_after_delivery": N_(
        "Points can be spent {days} days after delivery, or {fallback} days after payment."
    ),
    "days_after_paid": N_("Points can be spent {days} days after payment."),
    "immediately": N_("Points can be spent at once."),
    "manual": N_("Points can be spent once they are released."),
}
EXPIRY = {
    "rolling_months": N_("They expire {months} months later."),
    "rolling_months_month_end": N_("They expire at the end of the month {months} months later."),
    "rolling_months_quarter_end": N_(
        "They expire at the end of the quarter {months} months later."
    ),
    "rolling_months_year_end": N_("They expire at the end of the year {months} months later."),
    "fixed_day": N_("They expire on the same day each year."),
    "inactivity_months": N_("They expire after {months} months without a purchase."),
    "never": N_("They never expire."),
}
ACTIVITY_NAMES = {
    "sign_up": N_("joining"),
    "profile_completed": N_("completing the profile"),
    "review": N_("a review"),
    "share": N_("sharing"),
    "referral": N_("bringing a friend"),
    "check_in": N_("checking in"),
    "birthday": N_("a birthday"),
    "survey": N_("answering a survey"),
    "custom": N_("an occasion of the shop’s own"),
}
LISTS = {
    "skus": N_("products {list}"),
    "categories": N_("categories {list}"),
    "labels": N_("labels {list}"),
    "stores": N_("stores {list}"),
    "channels": N_("channels {list}"),
    "tiers": N_("tiers {list}"),
    "segments": N_("segments {list}"),
}


@blp.get("/programme")
@needs("programme:read")
def programme() -> str:
    """The ladder and the rules as staff would explain them."""
    now = clock.now()
    ladder, settings = storage.ladder_at(now), programmes.current(now)
    return render_template(
        "programme.html",
        tiers=[
            _tier(ladder, rank, settings.currency) for rank in range(len(ladder.tiers) - 1, -1, -1)
        ],
        ladder_told=_ladder_told(ladder),
        rules=[_rule(rule, settings.currency) for rule in rulebook.load().rules_at(now)],
        settings_told=_settings_told(settings),
    )


def _tier(ladder: Ladder, rank: int, currency: str) -> dict[str, object]:
    tier = ladder.tiers[rank]
    kept = tier.keep if rank and ladder.downgrade != "never" else None
    return {
        "name": tier.name(locale()),
        "pips": pips(rank, ladder.top),
        "reached": _asked(tier.qualify, currency) if rank else gettext(N_("on joining")),
        "kept": _asked(kept, currency) if kept else "",
        "factor": _factor(tier.multiplier),
    }


def _factor(value: Fraction) -> str:
    return "× " + formats.number(float(value), 0 if value.denominator == 1 else 1)


def _asked(conditions: Conditions, currency: str) -> str:
    texts = [metric_text(item.metric, item.at_least, currency) for item in conditions.items]
    word = N_("{first} and {second}") if conditions.match == "all" else N_("{first} or {second}")
    told = texts[0] if texts else ""
    for text in texts[1:]:
        told = gettext(word).format(first=told, second=text)
    return told


def _ladder_told(ladder: Ladder) -> list[str]:
    lasting = N_("A tier lasts {months} months from the day it is reached.")
    return [
        say(WINDOWS[ladder.window.kind], months=ladder.window.months),
        say(lasting, months=ladder.validity_months),
        say(DOWNGRADES[ladder.downgrade]),
    ]


def _settings_told(settings: Programme) -> list[str]:
    pending, redemption = settings.pending, settings.redemption
    value = formats.money(redemption.value_per_step, settings.currency, short=True)
    worth = N_("{points} points are worth {value}, up to {share} of an order.")
    return [
        say(PENDING[pending.policy], days=pending.days, fallback=pending.fallback_days_after_paid),
        say(EXPIRY[settings.expiry.policy], months=settings.expiry.months),
        say(
            worth,
            points=formats.number(redemption.points_per_step),
            value=value,
            share=formats.percent(redemption.max_share_percent / 100),
        ),
    ]


def _rule(rule: Rule, currency: str) -> dict[str, object]:
    return {
        "name": rule.name,
        "gives": _gives(rule, currency),
        "when": list(_conditions(rule.conditions, currency)),
    }


def _gives(rule: Rule, currency: str) -> str:
    if rule.kind == MULTIPLIER:
        numerator, denominator = rule.factor
        return _factor(Fraction(numerator, denominator))
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
    what = gettext(ACTIVITY_NAMES[rule.activity or "custom"])
    return ngettext("{count} point for {what}", "{count} points for {what}", rule.points, what=what)


def _conditions(conditions: RuleConditions, currency: str) -> Iterator[str]:
    for name, text in LISTS.items():
        if found := getattr(conditions, name):
            yield say(text, list=", ".join(sorted(found)))
    if conditions.weekdays:
        days = ", ".join(formats.weekday(day) for day in sorted(conditions.weekdays))
        yield days
    if conditions.window:
        yield f"{conditions.window.start:%H:%M}–{conditions.window.end:%H:%M}"
    if conditions.min_basis:
        yield say(N_("orders from {amount}"), amount=formats.money(conditions.min_basis, currency))
    if conditions.first_order:
        yield gettext(N_("first order"))
    if conditions.birthday_month:
        yield gettext(N_("month of the birthday"))
