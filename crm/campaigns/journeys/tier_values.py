"""What messages say of tiers."""

from collections.abc import Sequence
from datetime import datetime

from crm.errors import N_
from crm.i18n import LOCALES, gettext, ngettext, use
from crm.members.tiers.ladder import Tier
from crm.members.tiers.progress import Goal, Need
from crm.messages.templates.showing import money
from crm.points import rulebook

OR, AND = N_(" or "), N_(" and ")


def names(tier: Tier) -> dict[str, str]:
    """A tier's name by language."""
    return {locale: tier.name(locale) for locale in LOCALES}


def missing(goal: Goal, now: datetime) -> dict[str, str]:
    """What is still to be done to reach a goal, by language: ¥320.00 or 2 more orders."""
    currency = rulebook.load().programme_at(now).currency
    open_ = [need for need in goal.needs if need.missing]
    found = {}
    for locale in LOCALES:
        with use(locale):
            found[locale] = _joined(open_, goal.match, currency, locale)
    return found


def _joined(needs: Sequence[Need], match: str, currency: str, locale: str) -> str:
    said = [_said(need, currency, locale) for need in needs]
    return gettext(AND if match == "all" else OR).join(said)


def _said(need: Need, currency: str, locale: str) -> str:
    if need.metric == "spend":
        return money(need.missing, currency, locale)
    if need.metric == "orders":
        text = ngettext("{count} more order", "{count} more orders", need.missing)
    else:
        text = ngettext("{count} more point", "{count} more points", need.missing)
    return text.format(count=f"{need.missing:,}")
