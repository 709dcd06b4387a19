"""What happened with a member, newest first, in sentences: visits, points, tiers, changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm.console import case_words, formats, ledger_words, member_orders, person
from crm.console.words import ngettext, say
from crm.errors import N_, NN_
from crm.http.principal import Principal
from crm.i18n import gettext, locale
from crm.members.tiers import storage
from crm.members.tiers.ladder import Ladder
from crm.orders import documents
from crm.orders.kept import Kept
from crm.overview import timeline

READ, SHOWN = 40, 12
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
    "merge": N_("two records were merged or parted"),
}
# Events that need no more than a title and one of their facts.
NAMED = {
    "registered": (N_("Joined"), ""),
    "tag_added": (N_("Tag added"), "tag"),
    "tag_removed": (N_("Tag removed"), "tag"),
    "warning": (N_("A detail could not be kept as given"), ""),
    "merged": (N_("Another record was merged into this one"), "other_no"),
    "merged_into": (N_("Merged into another record"), "other_no"),
    "unmerged": (N_("A merge was undone"), "other_no"),
}
OTHER = (N_("Record changed"), "")


@dataclass(frozen=True)
class Told:
    """One event in words; `mood` colours its mark: good, warn or nothing."""

    icon: str
    what: str
    why: str = ""
    mood: str = ""


@dataclass(frozen=True)
class Teller:
    """What events are told with: the stores' names, the ladder, the orders at hand."""

    stores: Mapping[str, str]
    ladder: Ladder
    orders: Mapping[tuple[str, str], Kept]
    now: datetime

    def tell(self, kind: str, data: Mapping[str, Any]) -> Told:
        """One event in words."""
        tell = TELLERS.get(kind)
        if tell is not None:
            return tell(self, data)
        title, fact = NAMED.get(kind, OTHER)
        return Told("member", gettext(title), str(data.get(fact, "")))


def groups(
    member_id: UUID, stores: Mapping[str, str], who: Principal, now: datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """The last events that `who` may see, under headings: this week, then by month."""
    found = timeline.read(member_id, READ, None, permissions=who.permissions)["data"]
    items = [item for item in found if not _is_told_by_its_order(item)][:SHOWN]
    orders = documents.of_member(member_id, SHOWN, None)["data"]
    teller = Teller(stores, storage.ladder_at(now), {order.key: order for order in orders}, now)
    return [
        {"name": name, "rows": [_row(item, teller, zone) for item in rows]}
        for name, rows in groupby(items, key=lambda item: _heading(item["at"], now, zone))
    ]


def _is_told_by_its_order(item: Mapping[str, Any]) -> bool:
    return item["kind"] == "points" and item["data"]["source"]["type"] == "order"


def _heading(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    if at > now - THIS_WEEK:
        return gettext(N_("The last seven days"))
    return formats.month(at.astimezone(zone).date(), now.astimezone(zone).date())


def _row(item: Mapping[str, Any], teller: Teller, zone: ZoneInfo) -> dict[str, str]:
    at, now = item["at"], teller.now
    if at > now - THIS_WEEK:
        when = formats.begun(formats.moment(at, now, zone))
    else:
        when = formats.iso_day(at.astimezone(zone).date(), now.astimezone(zone).date())
    told = teller.tell(item["kind"], item["data"])
    return vars(told) | {"when": when, "at": at.isoformat()}


def _order(teller: Teller, data: Mapping[str, Any]) -> Told:
    store = teller.stores.get(data["store"] or "", data["store"] or data["channel"])
    amount = formats.money(data["total"]["amount"], data["total"]["currency"])
    title = say(ORDER_TITLES.get(data["status"], BOUGHT), store=store, amount=amount)
    order = teller.orders.get((data["channel"], data["order_no"]))
    return Told("order", title, _of_order(order, teller.now) if order else data["order_no"])


def _of_order(order: Kept, now: datetime) -> str:
    goods = member_orders.goods(order)
    if not order.points:
        return goods
    if order.available_at is None or order.available_at > now:
        points = ngettext("{count} point pending", "{count} points pending", order.points)
    else:
        points = ngettext("{count} point", "{count} points", order.points)
    return say(N_("{goods}; {points}"), goods=goods, points=points)


def _refund(teller: Teller, data: Mapping[str, Any]) -> Told:
    amount = formats.money(data["value"]["amount"], data["value"]["currency"])
    order = teller.orders.get((data["channel"], data["order_no"]))
    goods = member_orders.goods(order) if order else data["order_no"]
    return Told("case", say(N_("Refunded {amount}"), amount=amount), goods, "warn")


def _points(teller: Teller, data: Mapping[str, Any]) -> Told:
    what = ledger_words.kind(data["kind"], data["source"]["type"])
    title = say(
        NN_("{what}: {points} point", "{what}: {points} points", "points"),
        what=what,
        points=formats.signed(data["points"]),
    )
    mood = "warn" if data["kind"] == "expire" else ""
    return Told("point", title, data["reason"] or "", mood)


def _tier_changed(teller: Teller, data: Mapping[str, Any]) -> Told:
    ladder, before, after = teller.ladder, data["from"], data["to"]
    tier, why = ladder.tier(after).name(locale()), gettext(TIER_CAUSES[data["cause"]])
    if ladder.rank(after) > ladder.rank(before):
        return Told("ladder", say(N_("Rose to {tier}"), tier=tier), why, "good")
    return Told("ladder", say(N_("Went down to {tier}"), tier=tier), why, "warn")


def _tier_kept(teller: Teller, data: Mapping[str, Any]) -> Told:
    tier = teller.ladder.tier(data["to"]).name(locale())
    return Told("ladder", say(N_("Stays {tier}"), tier=tier), "", "good")


def _consent(teller: Teller, data: Mapping[str, Any]) -> Told:
    what = person.decided_on(data["channel"], data["purpose"])
    if data["granted"]:
        return Told("msg", gettext(N_("Agreed to messages")), what, "good")
    return Told("msg", gettext(N_("Declined messages")), what, "warn")


def _note(teller: Teller, data: Mapping[str, Any]) -> Told:
    return Told("msg", say(N_("Note by {author}"), author=data["author"]), data["text"])


def _coupon_given(teller: Teller, data: Mapping[str, Any]) -> Told:
    return Told("coupon", say(N_("Got the coupon {name}"), name=_coupon(data)), data["code"])


def _coupon_used(teller: Teller, data: Mapping[str, Any]) -> Told:
    order = teller.orders.get((data["channel"], data["order_no"]))
    goods = member_orders.goods(order) if order else data["order_no"] or ""
    return Told("coupon", say(N_("Used the coupon {name}"), name=_coupon(data)), goods, "good")


def _coupon_voided(teller: Teller, data: Mapping[str, Any]) -> Told:
    title = say(N_("The coupon {name} was taken back"), name=_coupon(data))
    return Told("coupon", title, data["reason"] or "", "warn")


def _coupon(data: Mapping[str, Any]) -> str:
    return data["template"]["name"]


def _case(teller: Teller, data: Mapping[str, Any]) -> Told:
    subject = case_words.subject({**data, "source": "survey" if data["rating"] else ""})
    if data["event"] == "closed":
        why = say(N_("{subject}: {why}"), subject=subject,
                  why=gettext(case_words.REASONS[data["reason"]]))  # fmt: skip
        return Told("case", gettext(N_("Case closed")), why, "good")
    opened = N_("Case opened") if data["event"] == "opened" else N_("Case opened again")
    return Told("case", gettext(opened), subject, "warn")


def _survey(teller: Teller, data: Mapping[str, Any]) -> Told:
    mood = "warn" if data["rating"] <= member_orders.LOW else "good"
    said = say(case_words.RATED, rating=data["rating"])
    return Told("star", said, data["text"] or data["order_no"] or "", mood)


TELLERS: dict[str, Callable[[Teller, Mapping[str, Any]], Told]] = {
    "order": _order,
    "refund": _refund,
    "points": _points,
    "coupon_given": _coupon_given,
    "coupon_used": _coupon_used,
    "coupon_voided": _coupon_voided,
    "tier_changed": _tier_changed,
    "tier_kept": _tier_kept,
    "consent": _consent,
    "note": _note,
    "case": _case,
    "survey": _survey,
}
