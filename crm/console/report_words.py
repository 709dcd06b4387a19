"""What a campaign's report says in words: the finding first, and what is lacking for one."""

from collections.abc import Mapping
from typing import Any

from crm.campaigns.results import words
from crm.campaigns.results.standing import Standing, Status
from crm.console import formats
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext

HEADLINES = {
    Status.GAIN: N_("Made {amount} more than doing nothing ({low} to {high})"),
    Status.LOSS: N_("Made {amount} less than doing nothing ({low} to {high})"),
    Status.NO_DIFFERENCE: N_("No difference from doing nothing that chance does not explain"),
}
EXPLAINED = {
    Status.GAIN: N_("The true figure lies between these two in 95 of 100 campaigns."),
    Status.LOSS: N_("The true figure lies between these two in 95 of 100 campaigns."),
    Status.NO_DIFFERENCE: N_(
        "It may lie anywhere between {low} and {high}. An effect of {detectable} per member would "
        "have been found four times out of five."
    ),
}
VERDICTS = {
    Status.GAIN: N_("gain"),
    Status.LOSS: N_("loss"),
    Status.NO_DIFFERENCE: N_("chance"),
    Status.NOT_ENOUGH: N_("not enough data"),
}
MARKS = {Status.GAIN: "r-tag--good", Status.LOSS: "r-tag--warn"}
COUNTERS = {
    "planned": N_("Planned"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "pending": N_("Waiting"),
    "suppressed": N_("Not sent, for a reason"),
    "failed": N_("Failed"),
    "cancelled": N_("Cancelled"),
    "holdout": N_("Held out"),
}
FUNNEL = {
    "planned": N_("Planned"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "opened": N_("Opened"),
    "clicked": N_("Clicked"),
    "redeemed": N_("Coupons used"),
    "opted_out": N_("Opted out"),
}
MONEY = {
    "sales": N_("Sales"),
    "discounts": N_("Discounts"),
    "points_cost": N_("Points"),
    "message_cost": N_("Messages"),
    "goods_lost": N_("Goods lost in refunds"),
    "profit": N_("Profit"),
}
ARM = N_("Arm {letter}")
HOLDOUT = N_("Holdout")


def arm_name(no: int) -> str:
    """Arm A for the first."""
    return str(say(ARM, letter=chr(ord("A") + no - 1)))


def money(value: float, currency: str) -> str:
    """An amount in minor units that may have decimals."""
    return formats.money(round(value), currency)


def headline(said: Mapping[str, Any], currency: str) -> str:
    """The finding in one sentence, or what is lacking for one."""
    if said["status"] == Status.NOT_ENOUGH:
        return words.lack(_standing(said))
    found = said["incremental"]
    return str(
        say(
            HEADLINES[said["status"]],
            amount=money(abs(found["estimate"]), currency),
            low=money(found["low"], currency),
            high=money(found["high"], currency),
        )
    )


def _standing(said: Mapping[str, Any]) -> Standing:
    return Standing(said["status"], said["lack"], said["more_days"], said["times_as_many"])


def explained(said: Mapping[str, Any], currency: str) -> str:
    """What the headline means, or what to do."""
    if said["status"] == Status.NOT_ENOUGH:
        return words.advice(_standing(said))
    found, detectable = said["incremental"], said.get("detectable") or 0
    return str(
        say(
            EXPLAINED[said["status"]],
            low=money(found["low"], currency),
            high=money(found["high"], currency),
            detectable=money(detectable, currency),
        )
    )


def verdict(said: Mapping[str, Any]) -> dict[str, str]:
    """A tag for a table's row."""
    status = said["status"]
    return {"text": gettext(VERDICTS[status]), "mark": MARKS.get(status, "")}
