"""Where points came from or went to, as people read it: an order, a reference, another member."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from flask import url_for
from sqlalchemy import select

from crm.console import person
from crm.console.words import say
from crm.db import db
from crm.errors import N_
from crm.i18n import locale
from crm.members.models import Member
from crm.orders.models import Order
from crm.points.models import PointsEntry
from crm.points.rewards.models import Reward, RewardRedemption

Source = tuple[str, str]
SPENDING = PointsEntry.kind.in_(("redeem", "capture"))  # as the index of entries by id has it


class Sourced(Protocol):
    """An entry as far as its source goes."""

    @property
    def source_type(self) -> Any:
        """What kind of thing it comes from."""

    @property
    def source_id(self) -> Any:
        """Which one."""

    @property
    def data(self) -> Any:
        """What else the entry keeps, as a mapping; or None."""


class Origin(NamedTuple):
    """A source in words, the page that tells more about it, and the permission that page takes."""

    label: str
    href: str = ""
    needs: str = ""


Origins = Mapping[Source, Origin]
NOWHERE = Origin("")


def key(entry: Sourced) -> Source:
    """What an entry's origin is found under."""
    return entry.source_type, entry.source_id


def of(entries: Iterable[Sourced]) -> dict[Source, Origin]:
    """The origins of these entries: at most one statement for each kind of source among them."""
    rows = {key(entry): entry for entry in entries}
    found = {source: _named(entry) for source, entry in rows.items()}
    found |= _orders([source for source in rows if source[0] == "order"])
    found |= _members({source: row for source, row in rows.items() if _other(row)})
    found |= _entries([source for source in rows if source[0] == "reversal"])
    found |= _rewards([source for source in rows if source[0].startswith("reward")])
    return found


def _named(entry: Sourced) -> Origin:
    """What the shop called it; ids of our own tell nobody anything."""
    kind = entry.source_type
    reference = (entry.data or {}).get("reference")
    shown = kind == "redemption" or kind.startswith("award:")
    return Origin(reference or (entry.source_id if shown else ""))


def _orders(sources: Iterable[Source]) -> dict[Source, Origin]:
    # An order that earned again after a refund has a number behind its id.
    ids = {source: UUID(source[1].partition("#")[0]) for source in sources}
    if not ids:
        return {}
    query = select(Order.id, Order.order_no).where(Order.id.in_(ids.values()))
    numbers = {row.id: row.order_no for row in db.session.execute(query)}
    return {
        source: Origin(numbers[one], url_for("console.order", order_id=one), "orders:read")
        for source, one in ids.items()
        if one in numbers
    }


def _other(entry: Sourced) -> str | None:
    """The other member of a transfer or a merge."""
    return (entry.data or {}).get("member_id")


def _members(rows: Mapping[Source, Sourced]) -> dict[Source, Origin]:
    ids = {source: UUID(str(_other(row))) for source, row in rows.items()}
    if not ids:
        return {}
    members = {
        one.id: one for one in db.session.scalars(select(Member).where(Member.id.in_(ids.values())))
    }
    found = {}
    for source, one in ids.items():
        if one in members:
            member = members[one]
            active = member.status == "active"
            page = url_for("console.member_ledger", member_id=one) if active else ""
            found[source] = Origin(member.name or person.number(member.member_no), page)
    return found


def _entries(sources: Iterable[Source]) -> dict[Source, Origin]:
    """Reversals name the entry that they undo."""
    ids = {source: UUID(source[1]) for source in sources}
    if not ids:
        return {}
    query = select(PointsEntry.id, PointsEntry.seq).where(PointsEntry.id.in_(ids.values()))
    seqs = {row.id: row.seq for row in db.session.execute(query.where(SPENDING))}
    return {
        source: Origin(say(N_("of entry {seq}"), seq=seqs[one]), f"#entry-{seqs[one]}")
        for source, one in ids.items()
        if one in seqs
    }


def _rewards(sources: Iterable[Source]) -> dict[Source, Origin]:
    """What was taken for points, or what was cancelled."""
    ids = {source: UUID(source[1]) for source in sources}
    if not ids:
        return {}
    query = select(RewardRedemption.id, Reward.names).join(
        Reward, Reward.id == RewardRedemption.reward_id
    )
    rows = db.session.execute(query.where(RewardRedemption.id.in_(ids.values())))
    names = {row.id: row.names for row in rows}
    return {
        source: Origin(names[one].get(locale()) or names[one]["en"])
        for source, one in ids.items()
        if one in names
    }
