"""One order: what was bought, what came back, and why it earned the points that it did."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import render_template

from crm import clock
from crm.activities import explanations
from crm.campaigns.surveys import reading as surveys
from crm.console import formats, person, reckoned
from crm.console.blueprint import blp
from crm.console.leaves import Manner
from crm.console.member_ledger import zone_of
from crm.console.member_orders import STATES, rated
from crm.console.words import say
from crm.db import db
from crm.errors import N_
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.members import stores
from crm.members.models import Member
from crm.orders import documents
from crm.orders.kept import Kept
from crm.points import programme

EARNED = {
    "none": N_("earned nothing"),
    "clawed_back": N_("all taken back"),
    "available": N_("can be spent"),
    "pending": N_("pending"),
}


@blp.get("/orders/<uuid:order_id>")
@needs("orders:read")
def order(order_id: UUID) -> str:
    """The order with its lines, its refunds and the reckoning of its points."""
    now, found = clock.now(), documents.get(order_id)
    owner = db.session.get(Member, found.member_id) if found.member_id else None
    known = owner is not None and owner.status == "active"
    zone = zone_of(owner.id, now) if owner and known else programme.current(now).zone
    shown, why = documents.document(found, now), explanations.of_order(*found.key)
    return render_template(
        "order.html",
        order_id=order_id,
        order=_head(found, zone, now),
        member=person.shown(owner) if owner and known else None,
        lines=[_line(line, found.currency) for line in shown["lines"]],
        refunds=[_refund(refund, found.currency, zone) for refund in shown["refunds"]],
        earned=_earned(shown, zone),
        satisfaction=_satisfaction(order_id, zone),
        why=reckoned.of_order(
            why,
            {line.line_no: line.name for line in found.lines},
            Manner(found.currency, zone),
            reckoned.tiers_at(found.placed_at),
        ),
    )


def _head(found: Kept, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    store = stores.names().get(found.store or "", found.store or found.channel)
    return {
        "number": found.order_no,
        "store": store,
        "state": gettext(STATES[found.status]),
        "placed": f"{found.placed_at.astimezone(zone):%Y-%m-%d %H:%M}",
        "total": formats.money(found.total, found.currency),
        "shipping": formats.money(found.shipping, found.currency),
        "discount": formats.money(found.discount, found.currency),
        "refunded": formats.money(found.refunded, found.currency) if found.refunded else "",
    }


def _satisfaction(order_id: UUID, zone: ZoneInfo) -> dict[str, Any] | None:
    """What the member answered when he was asked how it was."""
    answer = surveys.of_orders([order_id]).get(order_id)
    if answer is None:
        return None
    day = f"{answer['answered_at'].astimezone(zone):%Y-%m-%d}"
    return rated(answer) | {"text": answer["text"] or "", "day": day}


def _line(line: dict[str, Any], currency: str) -> dict[str, Any]:
    marks = [line["category"] or "", *line["labels"]]
    return {
        "name": line["name"],
        "sku": line["sku"],
        "marks": ", ".join(mark for mark in marks if mark),
        "quantity": formats.number(line["quantity"]),
        "net": formats.money(line["net"], currency),
    }


def _refund(refund: dict[str, Any], currency: str, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "number": refund["refund_no"],
        "day": f"{refund['refunded_at'].astimezone(zone):%Y-%m-%d}",
        "value": formats.money(refund["value"], currency),
    }


def _earned(shown: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    earned = shown["earned"]
    state, day = gettext(EARNED[earned["state"]]), earned["available_on"]
    if earned["state"] == "pending" and day:
        state = say(N_("pending until {day}"), day=day.isoformat())
    return {
        "points": earned["points"],
        "granted": earned["granted"],
        "taken": shown["clawed_back"],
        "state": state,
    }
