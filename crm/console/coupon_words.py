"""Coupons in words: kinds, states, the fields of a template, and what a coupon is good for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from crm.console import formats
from crm.console.leaves import Manner
from crm.console.telling import Words
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext

KINDS = {
    "amount": N_("Amount off"),
    "percent": N_("Percentage off"),
    "free_shipping": N_("Free shipping"),
    "gift": N_("Gift"),
    "points_multiplier": N_("Multiplied points"),
}
KINDS_TOLD = {
    "amount": N_("Takes a fixed amount off the goods: ¥20 off."),
    "percent": N_("Takes a share off the goods: 15% off, at most ¥50."),
    "free_shipping": N_("Pays for the delivery, all of it or up to a limit."),
    "gift": N_("Gives something away with the order."),
    "points_multiplier": N_("Multiplies the points that the order earns."),
}
STATES = {
    "issued": N_("valid"),
    "reserved": N_("in a cart"),
    "used": N_("used"),
    "expired": N_("expired"),
    "void": N_("void"),
}
MARKS = {"issued": "r-tag--good", "reserved": "r-tag--warn"}
LABELS = {
    "/name": N_("Name of the coupon"),
    "/value": N_("Takes off"),
    "/factor": N_("Factor of the points"),
    "/gift/name": N_("What is given away"),
    "/gift/sku": N_("Its product number"),
    "/max_discount": N_("At most"),
    "/min_basis": N_("From an amount of"),
    "/scope/skus": N_("Only for these products"),
    "/scope/categories": N_("Only for these categories"),
    "/validity/days": N_("Days after the day of issue"),
    "/validity/from": N_("Valid from"),
    "/validity/until": N_("Valid until"),
    "/per_member_limit": N_("For each member at most"),
    "/stock": N_("How many there are"),
    "/budget": N_("Budget"),
    "/stackable": N_("Goes together with other coupons"),
    "/returns_on_refund": N_("Comes back when all of its order is refunded"),
    "/count": N_("How many new codes"),
    "/codes": N_("Codes, one on each line"),
    "#worth": N_("What it is worth"),
}
HINTS = {
    "/name": N_("What members and staff read."),
    "/factor": N_("A decimal such as 1.5."),
    "/max_discount": N_("Empty: no limit. Without one a budget is checked only when it is used."),
    "/min_basis": N_("What the goods that it is for must come to; 0: any amount."),
    "/scope/skus": N_("One on each line; empty, and no categories: all goods."),
    "/scope/categories": N_("One on each line; goods of either list will do."),
    "/validity/days": N_("By the member’s clock, to the end of that day. Or a window instead."),
    "/validity/from": N_("By the shop’s clock. Empty: at once."),
    "/validity/until": N_("From then on it no longer counts. Empty: no end."),
    "/per_member_limit": N_("Empty: no limit."),
    "/stock": N_("Empty: no limit."),
    "/budget": N_("Bounds what was taken off and what open coupons can still take off."),
    "#worth": N_("What the gift costs the shop; it counts against the budget."),
}


@dataclass(frozen=True)
class TemplateWords(Words):
    """A gift takes nothing off: its value is what it is worth."""

    kind: str = ""

    def key(self, pointer: str) -> str:
        """The value of a gift has words of its own."""
        return "#worth" if pointer == "/value" and self.kind == "gift" else pointer


def words_for(kind: str) -> TemplateWords:
    """The words of the form for this kind."""
    return TemplateWords(LABELS, HINTS, {}, kind)


def gives(terms: dict[str, Any], manner: Manner) -> str:
    """¥20 off; 15% off, at most ¥50; a gift: tea cup; points × 1.5."""
    kind, limit = terms["kind"], terms["max_discount"]
    if kind == "amount":
        return say(N_("{amount} off"), amount=_money(terms["value"], manner))
    if kind == "gift":
        name = (terms["gift"] or {}).get("name")
        return say(N_("a gift: {name}"), name=name) if name else gettext(N_("a gift"))
    if kind == "points_multiplier":
        return say(N_("points × {factor}"), factor=terms["factor"])
    if kind == "free_shipping":
        if limit is None:
            return gettext(N_("free shipping"))
        return say(N_("shipping, up to {limit}"), limit=_money(limit, manner))
    share = formats.percent(terms["value"] / 100)
    if limit is None:
        return say(N_("{share} off"), share=share)
    return say(N_("{share} off, at most {limit}"), share=share, limit=_money(limit, manner))


def conditions(terms: dict[str, Any], manner: Manner) -> Iterator[str]:
    """From how much on, and for which goods."""
    if terms["min_basis"]:
        yield say(N_("from {amount}"), amount=_money(terms["min_basis"], manner))
    goods = [*terms["scope"]["skus"], *terms["scope"]["categories"]]
    if goods:
        yield say(N_("only for {goods}"), goods=", ".join(goods))
    if not terms["stackable"]:
        yield gettext(N_("not with other coupons"))


def lasts(validity: dict[str, Any], manner: Manner) -> str:
    """How long coupons of a template are good."""
    if validity.get("days") is not None:
        return say(N_("{days} from issue"), days=formats.days(validity["days"]))
    start, until = validity.get("from"), validity.get("until")
    begins = moment(start, manner.zone) if start else ""
    ends = end(until, manner.zone) if until else ""
    if start and until:
        return say(N_("{start} to {end}"), start=begins, end=ends)
    if until:
        return say(N_("to {end}"), end=ends)
    if start:
        return say(N_("from {start} on"), start=begins)
    return gettext(N_("no end"))


def moment(at: datetime, zone: tzinfo) -> str:
    """2026-12-01 10:00; a midnight is the day that begins with it."""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d}" if local.time() == time() else f"{local:%Y-%m-%d %H:%M}"


def end(at: datetime, zone: tzinfo) -> str:
    """The last of an exclusive end: 2026-12-01 18:00; of a midnight the day before it."""
    local = at.astimezone(zone)
    if local.time() == time():
        return f"{local.date() - timedelta(days=1):%Y-%m-%d}"
    return f"{local:%Y-%m-%d %H:%M}"


def _money(minor: int, manner: Manner) -> str:
    return formats.money(minor, manner.currency, short=True)
