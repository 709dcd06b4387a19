"""Rewards in words: kinds, states, and the fields of the form."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from crm.console import formats
from crm.console.telling import Words
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext, locale
from crm.members.tiers.ladder import Ladder

KINDS = {"coupon": N_("Coupon"), "good": N_("Product"), "gift": N_("Gift")}
KINDS_TOLD = {
    "coupon": N_("A coupon of the member’s own, issued when he redeems."),
    "good": N_("Something from the range, handed over or sent."),
    "gift": N_("Something that is not for sale."),
}
STATES = {
    "announced": N_("announced"),
    "open": N_("available"),
    "sold_out": N_("sold out"),
    "ended": N_("ended"),
}
STATE_MARKS = {"open": "r-tag--good", "sold_out": "r-tag--warn"}
REDEEMED = {
    "redeemed": N_("redeemed"),
    "handed_over": N_("handed over"),
    "cancelled": N_("cancelled"),
}
LABELS = {
    "/name/en": N_("Name in English"),
    "/name/zh-Hans": N_("Name in Simplified Chinese"),
    "/name/zh-Hant": N_("Name in Traditional Chinese"),
    "/description/en": N_("Description in English"),
    "/description/zh-Hans": N_("Description in Simplified Chinese"),
    "/description/zh-Hant": N_("Description in Traditional Chinese"),
    "/sku": N_("SKU"),
    "/coupon_template": N_("Coupon that is issued"),
    "/points": N_("Price in points"),
    "/stock": N_("How many there are"),
    "/per_member_limit": N_("At most, for a member"),
    "/starts_at": N_("Starts"),
    "/ends_at": N_("Ends"),
}
HINTS = {
    "/stock": N_("Blank: no bound. Cancelled ones come back."),
    "/per_member_limit": N_("Blank: no bound."),
    "/starts_at": N_("Blank: at once."),
    "/ends_at": N_("Blank: until it is ended."),
}
TIER_PRICE = N_("Price for {tier} and above")


def words(ladder: Ladder) -> Words:
    """The words of the form, with a price for each tier of the ladder."""
    prices = {
        f"/tier_prices/{tier.code}": say(TIER_PRICE, tier=tier.name(locale()))
        for tier in ladder.tiers
    }
    return Words({**LABELS, **prices}, HINTS, {})


def name(names: Mapping[str, str]) -> str:
    """A reward's name in the reader's language, else in English."""
    return names.get(locale()) or names["en"]


def window(one: Mapping[str, Any], now: datetime, zone: tzinfo) -> str:
    """From when until when it can be had; nothing where there is no bound."""
    start, end = one["starts_at"], one["ended_at"] or one["ends_at"]
    told = []
    if start is not None:
        told.append(say(N_("from {when}"), when=formats.moment(start, now, zone)))
    if end is not None:
        told.append(say(N_("until {when}"), when=formats.moment(end, now, zone)))
    return ", ".join(told)


def row(one: Mapping[str, Any], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """A reward (as the API shows it) in a list."""
    return {
        "id": one["id"],
        "name": name(one["name"]),
        "kind": gettext(KINDS[one["kind"]]),
        "points": formats.number(one["points"]),
        "tiers": len(one["tier_prices"]),
        "redeemed": formats.number(one["redeemed"]),
        "left": "–" if one["stock_left"] is None else formats.number(one["stock_left"]),
        "state": gettext(STATES[one["state"]]),
        "mark": STATE_MARKS.get(one["state"], ""),
        "window": window(one, now, zone),
    }


def redemption(one: Mapping[str, Any], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """A redemption (as the API shows it) in a list."""
    ended = one["cancelled_at"] or one["handed_over_at"]
    open_ = one["state"] == "redeemed"
    return {
        "id": one["id"],
        "member_id": one["member_id"],
        "name": name(one["name"]),
        "points": formats.number(one["points"]),
        "coupon": one["coupon"],
        "when": formats.moment(one["redeemed_at"], now, zone),
        "by": one["redeemed_by"],
        "state": gettext(REDEEMED[one["state"]]),
        "ended": formats.moment(ended, now, zone) if ended else "",
        "why": one["cancel_reason"] or "",
        "may_cancel": open_,
        "may_hand_over": open_ and one["coupon"] is None,
    }
