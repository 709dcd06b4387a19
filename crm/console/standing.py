"""How far a member is on the ladder, in sentences that staff can say aloud."""

from datetime import datetime, timedelta, tzinfo
from typing import Any

from crm.console import formats
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.i18n import gettext, locale
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.progress import Goal, Need, Progress

WHOM = {"female": N_("her"), "male": N_("him")}
THEM = N_("them")
PIPS = 5


def pips(rank: int, top: int) -> int:
    """One to five pips for a rank from 0 to `top`, whatever the number of tiers."""
    return 1 + round((PIPS - 1) * rank / top) if top else 1


def tier_mark(ladder: Ladder, code: str) -> dict[str, Any]:
    """A tier as `tier()` of parts/marks.html shows it."""
    rank = ladder.rank(code)
    return {"name": ladder.tiers[rank].name(locale()), "pips": pips(rank, ladder.top)}


def metric_text(metric: str, amount: int, currency: str) -> str:
    """¥300, 3 orders, 500 points earned."""
    if metric == "spend":
        return say(N_("{amount} spent"), amount=formats.money(amount, currency, short=True))
    if metric == "orders":
        return ngettext("{count} order", "{count} orders", amount)
    return ngettext("{count} point earned", "{count} points earned", amount)


def told(
    progress: Progress,
    ladder: Ladder,
    *,
    currency: str,
    gender: str | None,
    zone: tzinfo,
    now: datetime,
) -> dict[str, Any]:
    """What parts/climb.html shows: the way to the next tier, and how long the present one lasts."""
    tier = ladder.tier(progress.tier).name(locale())
    lasts = _lasting(progress, ladder, currency, zone, now)
    found: dict[str, Any] = {"tier": tier, "next": "", "lasts": lasts}
    if progress.next is None:
        found["title"] = say(N_("{tier}, the highest tier"), tier=tier)
    else:
        found |= _climb(progress.next, ladder, currency, gender)
    return found


def _climb(goal: Goal, ladder: Ladder, currency: str, gender: str | None) -> dict[str, Any]:
    name = ladder.tier(goal.tier).name(locale())
    open_needs = [need for need in goal.needs if need.missing]
    near = min(open_needs, key=lambda need: need.missing / need.at_least)
    whom = gettext(WHOM.get(gender or "", THEM))
    needed = [near] if goal.match == "any" else open_needs
    reached = _amount(near.metric, near.value, currency)
    asked = _amount(near.metric, near.at_least, currency)
    return {
        "title": say(N_("{missing} to {tier}"), missing=_missing(near, currency), tier=name),
        "next": name,
        "goal": near.at_least,
        "reached": min(near.value, near.at_least),
        "reached_text": reached,
        "goal_text": asked,
        "label": say(N_("{reached} of {asked} to {tier}"), reached=reached, asked=asked, tier=name),
        "makes": [_makes(need, currency, whom, name) for need in needed],
    }


def _amount(metric: str, value: int, currency: str) -> str:
    if metric == "spend":
        return formats.money(value, currency, short=True)
    if metric == "orders":
        return ngettext("{count} order", "{count} orders", value)
    return ngettext("{count} point", "{count} points", value)


def _missing(need: Need, currency: str) -> str:
    return _amount(need.metric, need.missing, currency)


def _makes(need: Need, currency: str, whom: str, tier: str) -> str:
    if need.metric == "spend":
        amount = formats.money(need.missing, currency, short=True)
        text = N_("<strong>{amount} more</strong> makes {whom} {tier}")
        return say(text, amount=amount, whom=whom, tier=tier)
    if need.metric == "orders":
        return ngettext(
            "<strong>{count} more order</strong> makes {whom} {tier}",
            "<strong>{count} more orders</strong> make {whom} {tier}",
            need.missing,
            whom=whom,
            tier=tier,
        )
    return ngettext(
        "<strong>{count} more point earned</strong> makes {whom} {tier}",
        "<strong>{count} more points earned</strong> make {whom} {tier}",
        need.missing,
        whom=whom,
        tier=tier,
    )


def _lasting(
    progress: Progress, ladder: Ladder, currency: str, zone: tzinfo, now: datetime
) -> list[str]:
    ends, keep = progress.standing.valid_until, progress.keep
    if ends is None or keep is None:
        return []
    last = (ends - timedelta(microseconds=1)).astimezone(zone).date()
    day = formats.day(last, now.astimezone(zone).date())
    tier = ladder.tier(keep.tier).name(locale())
    if keep.met:
        return [say(N_("{tier} until {day}, and kept after that"), tier=tier, day=day)]
    near = min(keep.needs, key=lambda need: need.missing / need.at_least)
    missing = _missing(near, currency)
    text = N_("{tier} until {day}; {missing} more by then keeps it")
    return [say(text, tier=tier, day=day, missing=missing)]
