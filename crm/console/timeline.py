"""What happened with a member, newest first, in sentences: visits, points, tiers, changes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from crm.console import formats, ledger_words, member_orders, person
from crm.console.words import ngettext, say
from crm.db import db
from crm.errors import N_
from crm.i18n import gettext, locale
from crm.members.models import MemberEvent
from crm.members.tiers import storage
from crm.members.tiers.ladder import Ladder
from crm.orders import documents
from crm.orders.kept import Kept
from crm.points import balances

SHOWN = 12
THIS_WEEK = timedelta(days=7)
ORDER_TITLES = {
    "placed": N_("Ordered at {store}, {amount}, not paid yet"),
    "cancelled": N_("Order at {store} cancelled, {amount}"),
}
BOUGHT = N_("Bought at {store}, {amount}")
TIER_CAUSES = {
    "upgrade": N_("reached what it asks for"),
    "downgrade": N_("fell short at the end of the period"),
    "refund": N_("the order that won it was refunded"),
    "manual": N_("set by staff"),
    "floor_ended": N_("what staff had set has ended"),
    "ladder": N_("the ladder was changed"),
}


@dataclass(frozen=True)
class Item:
    """One thing that happened; `mood` colours its mark: good, warn or nothing."""

    at: datetime
    icon: str
    what: str
    why: str = ""
    mood: str = ""


def groups(
    member_id: UUID, stores: Mapping[str, str], now: datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """The last events under headings: this week, then by month."""
    items = [
        *_orders(member_id, stores, now),
        *_points(member_id),
        *_events(member_id, now),
    ]
    newest = sorted(items, key=lambda item: item.at, reverse=True)[:SHOWN]
    return [
        {"name": name, "rows": [_row(item, now, zone) for item in found]}
        for name, found in groupby(newest, key=lambda item: _heading(item.at, now, zone))
    ]


def _heading(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    if at > now - THIS_WEEK:
        return gettext(N_("The last seven days"))
    return formats.month(at.astimezone(zone).date(), now.astimezone(zone).date())


def _row(item: Item, now: datetime, zone: ZoneInfo) -> dict[str, str]:
    today = now.astimezone(zone).date()
    if item.at > now - THIS_WEEK:
        when = formats.begun(formats.moment(item.at, now, zone))
    else:
        when = formats.iso_day(item.at.astimezone(zone).date(), today)
    return {
        "icon": item.icon,
        "mood": item.mood,
        "what": item.what,
        "why": item.why,
        "when": when,
        "at": item.at.isoformat(),
    }


def _orders(member_id: UUID, stores: Mapping[str, str], now: datetime) -> Iterator[Item]:
    for order in documents.of_member(member_id, SHOWN, None)["data"]:
        store = stores.get(order.store or "", order.store or order.channel)
        amount = formats.money(order.total, order.currency)
        title = say(ORDER_TITLES.get(order.status, BOUGHT), store=store, amount=amount)
        yield Item(order.placed_at, "order", title, _of_order(order, now))
        for refund in order.refunds:
            amount = formats.money(refund.value, order.currency)
            yield Item(
                refund.refunded_at,
                "case",
                say(N_("Refunded {amount}"), amount=amount),
                member_orders.goods(order),
                "warn",
            )


def _of_order(order: Kept, now: datetime) -> str:
    goods = member_orders.goods(order)
    if not order.points:
        return goods
    pending = order.available_at is None or order.available_at > now
    text = ngettext("{count} point", "{count} points", order.points)
    if pending:
        text = ngettext("{count} point pending", "{count} points pending", order.points)
    return say(N_("{goods}; {points}"), goods=goods, points=text)


def _points(member_id: UUID) -> Iterator[Item]:
    """Entries that no order of the timeline tells already."""
    for row in balances.entries(member_id, SHOWN, None)["data"]:
        if row["source"]["type"] == "order":
            continue
        what = ledger_words.kind(row["kind"], row["source"]["type"])
        points = formats.signed(row["points"])
        yield Item(
            datetime.fromisoformat(row["occurred_at"]),
            "point",
            say(N_("{what}: {points} points"), what=what, points=points),
            row["reason"] or "",
            "warn" if row["kind"] == "expire" else "",
        )


def _events(member_id: UUID, now: datetime) -> Iterator[Item]:
    query = select(MemberEvent).filter_by(member_id=member_id)
    newest = query.order_by(MemberEvent.at.desc(), MemberEvent.id.desc()).limit(SHOWN)
    ladder = storage.ladder_at(now)
    for event in db.session.scalars(newest):
        yield _event(event, ladder)


def _event(event: MemberEvent, ladder: Ladder) -> Item:
    """A fact that the members' room recorded."""
    tell = TELLERS.get(event.kind)
    if tell is not None:
        return tell(event, ladder)
    title, name = NAMED.get(event.kind, (N_("Record changed"), ""))
    return Item(event.at, "member", gettext(title), str(event.data.get(name, "")))


def _tier_changed(event: MemberEvent, ladder: Ladder) -> Item:
    before, after = event.data["from"], event.data["to"]
    tier = ladder.tier(after).name(locale())
    why = gettext(TIER_CAUSES[event.data["cause"]])
    if ladder.rank(after) > ladder.rank(before):
        return Item(event.at, "ladder", say(N_("Rose to {tier}"), tier=tier), why, "good")
    return Item(event.at, "ladder", say(N_("Went down to {tier}"), tier=tier), why, "warn")


def _tier_kept(event: MemberEvent, ladder: Ladder) -> Item:
    tier = ladder.tier(event.data["to"]).name(locale())
    return Item(event.at, "ladder", say(N_("Stays {tier}"), tier=tier), "", "good")


def _consent(event: MemberEvent, ladder: Ladder) -> Item:
    what = person.decided_on(event.data["channel"], event.data["purpose"])
    if event.data["granted"]:
        return Item(event.at, "msg", gettext(N_("Agreed to messages")), what, "good")
    return Item(event.at, "msg", gettext(N_("Declined messages")), what, "warn")


def _note(event: MemberEvent, ladder: Ladder) -> Item:
    title = say(N_("Note by {author}"), author=event.data["author"])
    return Item(event.at, "msg", title, event.data["text"])


TELLERS: dict[str, Callable[[MemberEvent, Ladder], Item]] = {
    "tier_changed": _tier_changed,
    "tier_kept": _tier_kept,
    "consent": _consent,
    "note": _note,
}
# Events that need no more than a title and one of their facts.
NAMED = {
    "registered": (N_("Joined"), ""),
    "tag_added": (N_("Tag added"), "tag"),
    "tag_removed": (N_("Tag removed"), "tag"),
    "warning": (N_("A detail could not be kept as given"), ""),
}
