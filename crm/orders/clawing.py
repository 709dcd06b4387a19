"""Points of an order that are taken back: where they come from, and what is done if they are gone.

The accounts are locked; nothing here decides how many.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import text

from crm.db import db
from crm.ids import digest_id
from crm.orders.kept import Kept
from crm.orders.pricing import Refund as Refunded
from crm.orders.pricing import in_turn
from crm.orders.tender import due_back, worth
from crm.points import taking
from crm.points.programme_settings import Programme, Refund

OWN_LOTS = text("""
    SELECT l.opened_by FROM points_source s
    JOIN points_lot l ON l.member_id = s.member_id AND l.opened_by = s.seq
    WHERE s.key = ANY (:keys) AND s.member_id = :member
    GROUP BY l.opened_by ORDER BY bool_or(coalesce(l.available_at <= :now, false)), l.opened_by
""")


def own_lots(order: Kept, now: datetime) -> list[int]:
    """By which entries the order opened lots, those of pending ones first."""
    assert order.lot_seq is not None
    if not order.regrants:
        return [order.lot_seq]
    sources = [str(order.id), *(f"{order.id}#{n}" for n in range(1, order.regrants + 1))]
    keys = [digest_id("order", source) for source in sources]
    given = {"keys": keys, "member": order.member_id, "now": now}
    found = list(db.session.scalars(OWN_LOTS, given))
    return found if order.lot_seq in found else [*found, order.lot_seq]


def claw_back(order: Kept, points: int, policy: Refund, *, now: datetime) -> None:
    """Take points back: pending ones of the order, what is left of its own, then by policy.

    Adds to the order's `clawed` and `debt`; what could not be taken is `let_go`.
    """
    assert order.member_id is not None
    shortfall = "debt" if policy.shortfall == "debt" else "floor"
    lots, missing = own_lots(order, now), points
    for place, seq in enumerate(lots, 1):
        last = place == len(lots)
        taken = taking.claw_back(
            order.member_id,
            missing,
            lot_seq=seq,
            source=("order", str(order.id)),
            others=last and policy.take_other_lots,
            shortfall=shortfall if last else "floor",
            now=now,
        )
        missing -= taken.points
        order.clawed += taken.points
        order.debt += taken.debt
        if not missing:
            return
    order.let_go += missing


def deduct(order: Kept, programme: Programme) -> None:
    """Let the shop keep of the refund what points let go are worth, under `deduct_from_refund`.

    Worth as much as points are when they pay, rounded down; of each refund at most the money in it.
    What a cancellation is short of counts for the order, since no refund says its money.
    """
    if programme.refund.shortfall != "deduct_from_refund":
        return
    cancelled = order.status == "cancelled"
    most = (order.total if cancelled else order.refunded) - due_back(order, order.tender)
    more = min(worth(order.let_go, programme), most) - order.deduct
    if more <= 0:
        order.deduct += more
        return
    for refund, money in _money_of(order):
        if not refund.applied:
            refund.deduct = min(more, money)
            order.deduct += refund.deduct
            more -= refund.deduct
    if cancelled:
        order.deduct += more


def _money_of(order: Kept) -> Iterator[tuple[Refunded, int]]:
    """The order's refunds by time, each with what it is without the points that had paid."""
    so_far = 0
    for refund in in_turn(order.refunds):
        before = order.tender * so_far // max(order.total, 1)
        so_far += refund.value
        yield refund, refund.value - (order.tender * so_far // max(order.total, 1) - before)
