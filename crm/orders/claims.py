"""What is done to an order that is there: claimed by its member, its points released early.

Each call works inside the caller's transaction, takes `now`, and may be repeated.
"""

from datetime import datetime

from crm import audit
from crm.members import identity
from crm.members.identity import MemberRef
from crm.orders import intake
from crm.orders.errors import MemberOfAnother, NothingToRelease, OrderNotFound
from crm.orders.kept import Kept
from crm.orders.work import Work


def claim(channel: str, order_no: str, who: MemberRef, now: datetime) -> Kept:
    """Give a guest's order to a member: it earns as if it had named him when it was placed.

    By the programme and rules in force then and the tier he held then; refunds so far net out.
    Refuses `order_not_found`, `member_not_found`, `order_has_another_member`.
    """
    member_id = identity.require(who)
    work = Work([(channel, order_no)], [member_id], now)
    order = _found(work, channel, order_no)
    if order.member_id == member_id:
        return order
    if order.member_id is not None:
        raise MemberOfAnother(pointer="/member")
    intake.own(order, member_id)
    work.settle(order, clamp=True)
    work.save()
    audit.record("order.claim", "order", order.id, now=now, after={"member_id": str(member_id)})
    return order


def release(channel: str, order_no: str, now: datetime, *, reason: str | None = None) -> Kept:
    """Make the order's pending points spendable now, whatever the programme waits for.

    Their expiry counts from now. Points that are spendable stay as they are. Refuses
    `order_not_found`, `nothing_to_release`.
    """
    work = Work([(channel, order_no)], [], now)
    order = _found(work, channel, order_no)
    if order.lot_seq is None or not order.points:
        raise NothingToRelease()
    if order.available_at is not None and order.available_at <= now:
        return order
    order.released_at = now
    work.settle(order, clamp=True)
    work.save()
    after = {"points": order.points}
    audit.record("order.release", "order", order.id, now=now, after=after, reason=reason)
    return order


def _found(work: Work, channel: str, order_no: str) -> Kept:
    order = work.orders.get((channel, order_no))
    if order is None:
        raise OrderNotFound()
    order.refunds = work.refunds.get(order.key, [])
    return order
