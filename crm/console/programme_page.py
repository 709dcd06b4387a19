"""How members earn and rise, read out: the ladder of tiers, the rules in force, the settings."""

from flask import render_template

from crm import clock
from crm.console import formats, rule_told
from crm.console.blueprint import blp
from crm.console.standing import metric_text, pips
from crm.console.words import say
from crm.errors import N_, NN_
from crm.http.permissions import needs
from crm.i18n import gettext, locale
from crm.members.tiers import storage
from crm.members.tiers.ladder import Conditions, Ladder
from crm.points import programme as programmes
from crm.points import rulebook
from crm.points.programme_settings import Programme

WINDOWS = {
    "rolling_months": NN_(
        "Counted over the last {months} month.", "Counted over the last {months} months.", "months"
    ),
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
    "days_after_delivery": NN_(
        "Points can be spent {days} day after delivery, or {fallback} days after payment.",
        "Points can be spent {days} days after delivery, or {fallback} days after payment.",
        "days",
    ),
    "days_after_paid": NN_(
        "Points can be spent {days} day after payment.",
        "Points can be spent {days} days after payment.",
        "days",
    ),
    "immediately": N_("Points can be spent at once."),
    "manual": N_("Points can be spent once they are released."),
}
EXPIRY = {
    "rolling_months": NN_(
        "They expire {months} month later.", "They expire {months} months later.", "months"
    ),
    "rolling_months_month_end": NN_(
        "They expire at the end of the month {months} month later.",
        "They expire at the end of the month {months} months later.",
        "months",
    ),
    "rolling_months_quarter_end": NN_(
        "They expire at the end of the quarter {months} month later.",
        "They expire at the end of the quarter {months} months later.",
        "months",
    ),
    "rolling_months_year_end": NN_(
        "They expire at the end of the year {months} month later.",
        "They expire at the end of the year {months} months later.",
        "months",
    ),
    "fixed_day": N_("They expire on the same day each year."),
    "inactivity_months": NN_(
        "They expire after {months} month without a purchase.",
        "They expire after {months} months without a purchase.",
        "months",
    ),
    "never": N_("They never expire."),
}


@blp.get("/programme")
@needs("programme:read")
def programme() -> str:
    """The ladder and the rules as staff would explain them."""
    now = clock.now()
    ladder, settings = storage.ladder_at(now), programmes.current(now)
    known = rule_told.names(ladder)
    return render_template(
        "programme.html",
        tiers=[
            _tier(ladder, rank, settings.currency) for rank in range(len(ladder.tiers) - 1, -1, -1)
        ],
        ladder_told=_ladder_told(ladder),
        rules=[
            rule_told.told(rule, settings.currency, known) for rule in rulebook.load().rules_at(now)
        ],
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
        "factor": rule_told.factor(tier.multiplier),
    }


def _asked(conditions: Conditions, currency: str) -> str:
    texts = [metric_text(item.metric, item.at_least, currency) for item in conditions.items]
    word = N_("{first} and {second}") if conditions.match == "all" else N_("{first} or {second}")
    told = texts[0] if texts else ""
    for text in texts[1:]:
        told = gettext(word).format(first=told, second=text)
    return told


def _ladder_told(ladder: Ladder) -> list[str]:
    lasting = NN_(
        "A tier lasts {months} month from the day it is reached.",
        "A tier lasts {months} months from the day it is reached.",
        "months",
    )
    return [
        say(WINDOWS[ladder.window.kind], months=ladder.window.months),
        say(lasting, months=ladder.validity_months),
        say(DOWNGRADES[ladder.downgrade]),
    ]


def _settings_told(settings: Programme) -> list[str]:
    pending, redemption = settings.pending, settings.redemption
    value = formats.money(redemption.value_per_step, settings.currency, short=True)
    worth = NN_(
        "{points} point is worth {value}, up to {share} of an order.",
        "{points} points are worth {value}, up to {share} of an order.",
        "points",
    )
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
