"""Points of an order that are taken back: where they come from, and what is done if they are gone.

The accounts are locked; nothing here decides how many.
"""

from datetime import datetime

from sqlalchemy import text

from crm.db import db
from crm.ids import digest_id
from crm.orders.kept import Kept
from crm.points import postings
from crm.points.programme_settings import Programme, Refund

OWN_LOTS = text("""
    SELECT l.opened_by FROM points_source s
    JOIN points_lot l ON l.member_id = s.member_id AND l.opened_by = s.seq
    WHERE s.key = ANY (:keys) AND s.member_id = :member
    ORDER BY coalesce(l.available_at <= :now, false), l.opened_by
""")


def own_lots(order: Kept, now: datetime) -> list[int]:
    """The lots that the order opened, by the seq of their opening: pending ones first."""
    assert order.lot_seq is not None
    if not order.regrants:
        return [order.lot_seq]
    sources = [str(order.id), *(f"{order.id}#{n}" for n in range(1, order.regrants + 1))]
    keys = [digest_id("order", source) for source in sources]
    given = {"keys": keys, "member": order.member_id, "now": now}
    return list(db.session.scalars(OWN_LOTS, given)) or [order.lot_seq]


def claw_back(order: Kept, points: int, policy: Refund, *, now: datetime) -> None:
    """Take points back: pending ones of the order, what is left of its own, then by policy.

    Adds to the order's `clawed` and `debt`; what could not be taken is `let_go`.
    """
    assert order.member_id is not None
    shortfall = "debt" if policy.shortfall == "debt" else "floor"
    lots, missing = own_lots(order, now), points
    for place, seq in enumerate(lots, 1):
        last = place == len(lots)
        taken = postings.claw_back(
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

    Worth as much as points are when they pay, rounded down; of each refund at most its own value.
    What a cancellation is short of counts for the order, since no refund says its money.
    """
    if programme.refund.shortfall != "deduct_from_refund":
        return
    rate = programme.redemption
    worth = order.let_go * rate.value_per_step // rate.points_per_step
    cancelled = order.status == "cancelled"
    more = min(worth, order.total if cancelled else order.refunded) - order.deduct
    if more <= 0:
        order.deduct += more
        return
    for refund in sorted(order.refunds, key=lambda one: (one.refunded_at, one.refund_no)):
        if not refund.applied:
            refund.deduct = min(more, refund.value)
            order.deduct += refund.deduct
            more -= refund.deduct
    if cancelled:
        order.deduct += more
