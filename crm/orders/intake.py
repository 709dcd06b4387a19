"""Orders and refunds come in: one engine for the single write, the batch and the import.

Each call works inside the caller's transaction and takes `now`. An order that is refused changes
nothing; the others of its batch go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from crm.db import db
from crm.errors import Refused
from crm.ids import uuid7
from crm.members import fingerprints, identity
from crm.members.identity import MemberNotFound
from crm.orders.earnings import EARNING
from crm.orders.errors import CurrencyMismatch, MemberOfAnother, RefundNoUsed, TaxTooLarge
from crm.orders.incoming import Incoming
from crm.orders.kept import Kept
from crm.orders.pricing import Refund, nets
from crm.orders.work import Work
from crm.points.programme_settings import BasisSettings


@dataclass(slots=True)
class Outcome:
    """What came of one order: the order as kept, or why it was refused.

    `stale`: the write was older than what is kept, and changed nothing.
    """

    order: Kept | None = None
    refused: Refused | None = None
    stale: bool = False


def put_many(orders: Sequence[Incoming], now: datetime) -> list[Outcome]:
    """Write orders, each whole, in the order given; outcomes in the same order.

    An order named twice is written twice, one after the other. Raises `Collision` when another
    transaction has just written the same new order: the caller rolls back and tries again.
    """
    outcomes = [Outcome() for _ in orders]
    waiting = list(range(len(orders)))
    while waiting:
        now_due: dict[tuple[str, str], int] = {}
        later = []
        for place in waiting:
            if orders[place].key in now_due:
                later.append(place)
            else:
                now_due[orders[place].key] = place
        _put_round(orders, list(now_due.values()), outcomes, now)
        waiting = later
    return outcomes


def _put_round(
    orders: Sequence[Incoming], places: list[int], outcomes: list[Outcome], now: datetime
) -> None:
    named = [place for place in places if orders[place].member is not None]
    found = identity.resolve_many([orders[place].member for place in named])
    owners: dict[int, UUID | None] = dict(zip(named, found, strict=True))
    work = Work(
        [orders[place].key for place in places],
        [one for one in owners.values() if one],
        now,
        codes={code for place in places for code in orders[place].coupons or ()},
    )
    work.tenders.expect(orders[place].points_hold for place in places)
    work.crediting.allowances.expect(
        [(owner, orders[place].placed_at) for place, owner in owners.items() if owner]
    )
    for place in places:
        outcome = outcomes[place]
        try:
            if place in owners and owners[place] is None:
                raise MemberNotFound(pointer="/member")
            outcome.order, outcome.stale = _put(work, orders[place], owners.get(place))
        except Refused as refused:
            outcome.refused = refused
    work.save()
    _note_fingerprints(orders, places, outcomes, now)


def _note_fingerprints(
    orders: Sequence[Incoming], places: list[int], outcomes: list[Outcome], now: datetime
) -> None:
    written = [(orders[place].fingerprints, outcomes[place].order) for place in places]
    used = [
        (order.member_id, found)
        for found, order in written
        if found and order is not None and order.member_id is not None
    ]
    fingerprints.see(used, now=now)


def _put(work: Work, given: Incoming, member_id: UUID | None) -> tuple[Kept, bool]:
    """Apply one order; whether it was stale."""
    known = work.orders.get(given.key)
    if known is not None and given.updated_at < known.updated_at:
        known.refunds = work.refunds.get(known.key, [])
        return known, True
    programme = work.book.programme_at(given.placed_at)
    if given.currency != programme.currency:
        raise CurrencyMismatch(
            pointer="/currency", currency=given.currency, expected=programme.currency
        )
    if known is not None and known.member_id and member_id not in (None, known.member_id):
        raise MemberOfAnother(pointer="/member")
    amounts = nets(given.lines, given.discount)
    if given.tax > sum(amounts):
        raise TaxTooLarge(pointer="/tax", most=sum(amounts))
    owner = (known.member_id if known else None) or member_id
    hold_id = work.tenders.accept(known, given, owner, sum(amounts) + given.shipping)
    order = known or _new(given, work.now)
    order.lines_changed = order.is_new or (order.lines, order.nets) != (given.lines, amounts)
    order.basis_changed = order.lines_changed or _differs(order, given, programme.basis)
    order.lines, order.nets, order.tax = given.lines, amounts, given.tax
    if order.member_id is None and member_id is not None:
        own(order, member_id)
    work.tenders.assign(order, hold_id)
    order.status, order.updated_at = given.status, given.updated_at
    order.placed_at, order.currency = given.placed_at, given.currency
    order.shipping, order.discount = given.shipping, given.discount
    order.store, order.region = given.store, given.region
    _time(order, given)
    work.vouchers.name(order, given.coupons)
    work.settle(order, clamp=True)
    work.orders[given.key] = order
    return order, False


def _differs(order: Kept, given: Incoming, settings: BasisSettings) -> bool:
    """Whether something beside the lines changes what the order earns on."""
    taxed = not settings.include_tax and order.tax != given.tax
    return taxed or (settings.include_shipping and order.shipping != given.shipping)


def own(order: Kept, member_id: UUID) -> None:
    """Give a guest's order to a member; its lines and refunds follow it."""
    order.member_id, order.lines_changed = member_id, True


def _new(given: Incoming, now: datetime) -> Kept:
    return Kept(
        id=uuid7(),
        channel=given.channel,
        order_no=given.order_no,
        member_id=None,
        status=given.status,
        currency=given.currency,
        placed_at=given.placed_at,
        paid_at=None,
        delivered_at=None,
        updated_at=given.updated_at,
        received_at=now,
        store=given.store,
        region=given.region,
        shipping=given.shipping,
        discount=given.discount,
        is_new=True,
    )


def _time(order: Kept, given: Incoming) -> None:
    """When it was paid and delivered: as told, else the first write that says so."""
    if given.paid_at is not None:
        order.paid_at = given.paid_at
    elif given.status in EARNING and order.paid_at is None:
        order.paid_at = given.updated_at
    if given.delivered_at is not None:
        order.delivered_at = given.delivered_at
    elif given.status == "delivered" and order.delivered_at is None:
        order.delivered_at = given.updated_at


HOLD = text("""
    INSERT INTO order_refund (channel, order_no, refund_no, refunded_at, amount, lines, restock,
                              value, received_at)
    VALUES (:channel, :order_no, :refund_no, :refunded_at, :amount, CAST(:lines AS jsonb), :restock,
            0, :now)
    ON CONFLICT DO NOTHING
""")


def put_refund(
    channel: str, order_no: str, refund_no: str, body: dict[str, Any], now: datetime
) -> Kept | None:
    """Write a refund once. The order after it, or None while the refund waits for its order.

    The same refund again changes nothing; another one under its number is refused
    (`refund_no_used`). Refuses `refund_exceeds_paid`, `unknown_line`.
    """
    work = Work([(channel, order_no)], [], now, alone=True)
    order = work.orders.get((channel, order_no))
    lines = body["lines"]
    pieces = None if lines is None else {line["line_no"]: line["quantity"] for line in lines}
    refund = Refund(refund_no, body["refunded_at"], pieces, body["amount"], body["restock"])
    known = work.refunds.get((channel, order_no), [])
    earlier = next((item for item in known if item.refund_no == refund_no), None)
    if earlier is not None:
        return _same(order, earlier, refund, known)
    if order is not None:
        work.add_refund(order, refund)
    db.session.execute(
        HOLD,
        {
            "channel": channel, "order_no": order_no, "refund_no": refund_no,
            "refunded_at": refund.refunded_at, "amount": refund.amount,
            "lines": None if lines is None else msgspec.json.encode(lines).decode(),
            "restock": refund.restock, "now": now,
        },
    )  # fmt: skip
    work.save()
    return order


def _same(order: Kept | None, earlier: Refund, refund: Refund, known: list[Refund]) -> Kept | None:
    said = (refund.refunded_at, refund.lines, refund.amount, refund.restock)
    if (earlier.refunded_at, earlier.lines, earlier.amount, earlier.restock) != said:
        raise RefundNoUsed()
    if order is not None:
        order.refunds = known
    return order
