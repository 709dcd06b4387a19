"""A member's last orders on the member page."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from crm.campaigns.surveys import reading as surveys
from crm.console import formats
from crm.console.words import ngettext, say
from crm.db import db
from crm.errors import N_
from crm.i18n import gettext
from crm.orders import documents
from crm.orders.kept import Kept
from crm.orders.models import PurchaseSummary

SHOWN = 6
LOW = 2  # ratings that show as bad
STATES = {
    "placed": N_("placed, not paid"),
    "paid": N_("paid"),
    "fulfilled": N_("shipped"),
    "delivered": N_("delivered"),
    "completed": N_("completed"),
    "cancelled": N_("cancelled"),
}


def last(
    member_id: UUID, stores: dict[str, str], now: datetime, zone: tzinfo
) -> list[dict[str, Any]]:
    """The newest orders, as the table of the page shows them."""
    today = now.astimezone(zone).date()
    found = documents.of_member(member_id, SHOWN, None)["data"]
    answers = surveys.of_orders([order.id for order in found])
    return [
        {
            "day": formats.iso_day(order.placed_at.astimezone(zone).date(), today),
            "id": order.id,
            "goods": goods(order),
            "store": stores.get(order.store or "", order.store or order.channel),
            "state": gettext(STATES[order.status]),
            "amount": formats.money(order.total, order.currency),
            "refunded": _refunded(order),
            "points": formats.number(order.points) if order.points else "–",
            **rated(answers.get(order.id)),
        }
        for order in found
    ]


def rated(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the member said of an order: "rated 4 of 5", and whether that is low; nothing if he did
    not say."""
    if answer is None:
        return {"rating": "", "low": False}
    said = say(N_("rated {rating} of 5"), rating=answer["rating"])
    return {"rating": said, "low": answer["rating"] <= LOW}


def goods(order: Kept) -> str:
    """What was bought: the first thing by name, and how many more."""
    if not order.lines:
        return order.order_no
    first, others = order.lines[0], len(order.lines) - 1
    name = f"{first.name} × {first.quantity}" if first.quantity > 1 else first.name
    if not others:
        return name
    return ngettext("{name} and {count} more", "{name} and {count} more", others, name=name)


def _refunded(order: Kept) -> str:
    if not order.refunded:
        return ""
    amount = formats.money(order.refunded, order.currency)
    return say(N_("{amount} refunded"), amount=amount)


def told(member_id: UUID, currency: str) -> str:
    """How often and for how much in all: 27 orders, ¥14,820.00."""
    summary = db.session.get(PurchaseSummary, member_id)
    if summary is None or not summary.orders:
        return ""
    amount = formats.money(summary.monetary, currency)
    return ngettext(
        "{count} order, {amount}", "{count} orders, {amount}", summary.orders, amount=amount
    )
