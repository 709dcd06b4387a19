"""A piece of work on orders: loaded under lock, decided in memory, written back set-based.

The single write, the batch and the import are all one `Work` each. Locks are taken in one order
everywhere: orders, then accounts ascending, then lots.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from crm.members import profiles
from crm.members.profiles import MemberFacts
from crm.orders import kept, summary
from crm.orders.crediting import Crediting
from crm.orders.earnings import EARNING, zone_of
from crm.orders.kept import Kept
from crm.orders.pricing import Refund, Remainder, remainder
from crm.orders.tender import Tenders
from crm.orders.tiering import Tiering
from crm.orders.vouchers import Vouchers, codes_of
from crm.points import rulebook
from crm.points.accounts import lock_accounts


class Work:
    """State of the orders and members of one transaction."""

    def __init__(
        self,
        keys: Iterable[tuple[str, str]],
        member_ids: Iterable[UUID],
        now: datetime,
        *,
        alone: bool = False,
        codes: Iterable[str] = (),
    ) -> None:
        """Load and lock. `alone`: no order of these keys may appear until the transaction ends.

        `codes`: coupons that will be named, beside those that the orders have named.
        """
        wanted = list(keys)
        self.now = now
        self.book = rulebook.load()
        self.orders = kept.load(wanted)
        missing = [key for key in wanted if key not in self.orders]
        kept.await_twins(missing, alone=alone)
        if missing and alone:
            self.orders = kept.load(wanted)
        self.refunds = kept.load_refunds(wanted)
        owners = {order.member_id for order in self.orders.values() if order.member_id}
        ids = sorted(owners | set(member_ids))
        accounts = lock_accounts(ids)
        zone = self.book.programme_at(now).timezone
        self.facts: dict[UUID, MemberFacts] = profiles.facts(ids, default_zone=zone)
        self.tiering = Tiering(ids, self.facts, now)
        self.vouchers = Vouchers(codes_of(self.orders.values()) | set(codes), now)
        self.crediting = Crediting(
            self.book, accounts, self.facts, self.tiering, self.vouchers, now
        )
        self.tenders = Tenders(self.book, now)
        self.tenders.expect(one.points_hold for one in self.orders.values() if not one.spent)
        self.changed: dict[UUID, Kept] = {}

    def settle(self, order: Kept, *, clamp: bool) -> None:
        """Derive everything that follows from an order and its refunds: money, points, tier.

        Raises `RefundTooLarge` and `UnknownLine` unless clamped, before anything has changed.
        """
        order.refunds = self.refunds.get(order.key, [])
        lines = [
            (line.line_no, line.quantity, net)
            for line, net in zip(order.lines, order.nets, strict=True)
        ]
        if order.refunds:
            left = remainder(lines, order.shipping, order.refunds, clamp=clamp)
        else:
            left = Remainder(0, sum(order.nets), {})
        was_counted, had = order.counted, order.net
        order.goods = sum(order.nets)
        order.total = order.goods + order.shipping
        order.refunded = left.refunded
        fully = order.refunded >= order.total
        order.net = 0 if order.status == "cancelled" or fully else left.goods
        order.counted = order.status in EARNING and order.net > 0
        self.changed[order.id] = order
        self._date(order)
        self.vouchers.follow(order, self.book.programme_at(order.placed_at))
        if order.member_id is not None:
            self._follow(order, left, was_counted, had)

    def _date(self, order: Kept) -> None:
        """The member's local day on which the order was paid."""
        if order.paid_at is None:
            order.local_day = None
            return
        facts = self.facts.get(order.member_id) if order.member_id else None
        zone = facts.zone if facts else self.book.programme_at(self.now).timezone
        order.local_day = order.paid_at.astimezone(zone_of(zone)).date()

    def _follow(self, order: Kept, left: Remainder, was_counted: bool, had: int) -> None:
        """Points and tier of the order's member."""
        assert order.member_id is not None
        points = order.points
        if order.breakdown is None and order.status in EARNING:
            # Counted at least once, so that the aggregates have a row whatever came first.
            self.tiering.moved.add(order.member_id)
        self.tenders.follow(order)
        self.crediting.follow(order, left)
        if (was_counted, had, points) != (order.counted, order.net, order.points):
            rose = order.counted and (not was_counted or order.net > had)
            self.tiering.judge(order, rose=rose)

    def add_refund(self, order: Kept, refund: Refund) -> None:
        """Apply a new refund. Raises `RefundTooLarge`, `UnknownLine` and changes nothing then."""
        known = self.refunds.get(order.key, [])
        self.refunds[order.key] = [*known, refund]
        try:
            self.settle(order, clamp=False)
        except Exception:
            self.refunds[order.key] = known
            raise

    def save(self) -> None:
        """Write it all, in the caller's transaction. Raises `Collision` for a race on a new key."""
        self.crediting.post()  # first: it chains entries to the accounts as they were read
        self.tenders.save()  # before points are taken back, so that those given back can pay
        self.crediting.take_back()
        kept.save(list(self.changed.values()))
        self.tiering.save()
        moved = self.tiering.moved
        summary.recount(moved, self.now)
        newest = {
            order.member_id: self.tiering.newest_purchase(order.member_id)
            for order in self.changed.values()
            if order.member_id in moved and order.member_id
        }
        profiles.seen_many({one: min(at, self.now) for one, at in newest.items() if at})
