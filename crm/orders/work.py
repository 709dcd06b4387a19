"""A piece of work on orders: loaded under lock, decided in memory, written back set-based.

The single write, the batch and the import are all one `Work` each. Locks are taken in one order
everywhere: orders, then accounts ascending, then lots.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from crm.members import profiles
from crm.members.profiles import MemberFacts
from crm.members.tiers import engine, writing
from crm.members.tiers import storage as tiers
from crm.members.tiers.refunds import on_refund
from crm.members.tiers.reviews import advance
from crm.members.tiers.standing import Change, Standing
from crm.orders import kept, summary
from crm.orders.earnings import EARNING, available_at, earn, expiry_json, remaining_points, zone_of
from crm.orders.kept import Kept
from crm.orders.pricing import Refund, Remainder, remainder
from crm.orders.standing import activities, held_at
from crm.points import postings, rulebook
from crm.points.cart import EarningFacts
from crm.points.postings import Posting


class Work:
    """State of the orders and members of one transaction."""

    def __init__(
        self,
        keys: Iterable[tuple[str, str]],
        member_ids: Iterable[UUID],
        now: datetime,
        *,
        alone: bool = False,
    ) -> None:
        """Load and lock. `alone`: no order of these keys may appear until the transaction ends."""
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
        self.accounts = postings.lock_accounts(ids)
        zone = self.book.programme_at(now).timezone
        self.facts: dict[UUID, MemberFacts] = profiles.facts(ids, default_zone=zone)
        self.standings = tiers.standings(ids, lock=True)
        self.ladder = tiers.ladder_at(now)
        self.activities = activities(ids, points=self.ladder.counts("points_earned"))
        self.steps: dict[UUID, list[Change]] = {}
        self.moved: set[UUID] = set()
        self.changed: dict[UUID, Kept] = {}
        self.postings: list[tuple[Kept, Posting]] = []
        self.clawbacks: list[tuple[Kept, int]] = []
        self.retimed: list[tuple[UUID, int, datetime | None, str, str]] = []

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
        if order.status in EARNING and (order.breakdown is None or order.lines_changed):
            self._earn(order)
        points, target = order.points, remaining_points(order, left)
        unposted = order.lot_seq is None and order.status in EARNING and order.granted > 0
        if target != order.points or unposted:
            self._move_points(order, target)
        elif order.lot_seq is not None:
            self._retime(order)
        if (was_counted, had, points) != (order.counted, order.net, order.points):
            self._judge(order, rose=order.counted and (not was_counted or order.net > had))

    def _earn(self, order: Kept) -> None:
        member_id = order.member_id
        assert member_id is not None
        facts, standing = self.facts[member_id], self._standing_at(member_id, order.placed_at)
        tier = self.ladder.tier(standing)
        found = earn(
            order,
            self.book.programme_at(order.placed_at),
            self.book.rules_at(order.placed_at),
            EarningFacts(
                zone=zone_of(facts.zone),
                tier=standing,
                multiplier=tier.multiplier,
                segment=facts.segment,
                first_order=not any(one != order.id for one in self.activities[member_id].orders),
                birthday_month=facts.birthday_month,
            ),
        )
        order.granted, order.breakdown = found.points, found.document()

    def _standing_at(self, member_id: UUID, at: datetime) -> str:
        """The tier held at an instant: period ends due by then come first."""
        standing = self.standings[member_id]
        at = min(at, self.now)
        if standing.due_at is not None and standing.due_at <= at:
            self._keep(
                member_id,
                advance(
                    standing, self.ladder, self.activities[member_id], at,
                    zone_of(self.facts[member_id].zone), self.facts[member_id].created_at,
                ),
            )  # fmt: skip
            standing = self.standings[member_id]
        if at < standing.since:
            return self._held_before(member_id, standing, at)
        return engine.held(standing, self.ladder, at)

    def _held_before(self, member_id: UUID, standing: Standing, at: datetime) -> str:
        """The tier held at an instant before the present one was reached."""
        for layer in reversed(standing.beneath):
            if layer.since <= at:
                return layer.tier
        return held_at(member_id, at) or self.ladder.tiers[0].code

    def _move_points(self, order: Kept, target: int) -> None:
        """Grant what is missing, take back what is too much.

        A first earning is always posted whole and clawed back after, so that the ledger tells the
        same story whether a refund came before or after its order.
        """
        if target > order.points or order.lot_seq is None:
            self._post(order, order.granted - order.points)
            order.points = order.granted
        if target < order.points:
            self.clawbacks.append((order, order.points - target))
            self._count_points(order, self.now, target - order.points)
        order.points = target

    def _post(self, order: Kept, points: int) -> None:
        assert order.member_id is not None
        programme = self.book.programme_at(order.placed_at)
        order.available_at = available_at(order, programme)
        source = str(order.id)
        if order.lot_seq is not None:  # earned again, after a cancellation or other lines
            source = f"{source}#{self.accounts[order.member_id].seq}.{len(self.postings)}"
        posting = Posting(
            member_id=order.member_id,
            points=points,
            occurred_at=min(order.paid_at or order.placed_at, self.now),
            source_type="order",
            source_id=source,
            available_at=order.available_at,
            zone=self.facts[order.member_id].zone,
            expiry=expiry_json(programme.expiry),
        )
        self.postings.append((order, posting))
        self._count_points(order, posting.occurred_at, points)

    def _count_points(self, order: Kept, at: datetime, points: int) -> None:
        """Let tiers by points see what this very order brings or loses."""
        assert order.member_id is not None
        self.activities[order.member_id].points.append((at, points))

    def _retime(self, order: Kept) -> None:
        """A delivery may bring the release forward; what is spendable stays so."""
        assert order.member_id is not None
        programme = self.book.programme_at(order.placed_at)
        due = available_at(order, programme)
        if due == order.available_at or order.lot_seq is None:
            return
        order.available_at = due
        zone, expiry = self.facts[order.member_id].zone, expiry_json(programme.expiry)
        self.retimed.append((order.member_id, order.lot_seq, due, zone, expiry))

    def _judge(self, order: Kept, *, rose: bool) -> None:
        """Let the member's tier follow the order."""
        member_id = order.member_id
        assert member_id is not None
        activity = self.activities[member_id]
        if order.counted:
            activity.orders[order.id] = (order.paid_at or order.placed_at, order.net)
        else:
            activity.orders.pop(order.id, None)
        facts = self.facts[member_id]
        zone = zone_of(facts.zone)
        standing = self.standings[member_id]
        if rose:
            at = min(order.paid_at or order.placed_at, self.now)
            outcome = engine.on_order(
                standing, self.ladder, activity, at, order.id, zone, facts.created_at, now=self.now
            )
        else:
            outcome = on_refund(
                standing, self.ladder, activity, self._instant_of_loss(order), order.id,
                not order.counted, zone, facts.created_at,
            )  # fmt: skip
        self._keep(member_id, outcome)
        self.moved.add(member_id)

    def _instant_of_loss(self, order: Kept) -> datetime:
        """When an order came to count less: its newest refund, or the write that changed it."""
        refunds = [refund.refunded_at for refund in order.refunds if refund.value]
        return min(max([order.updated_at, *refunds]), self.now)

    def _keep(self, member_id: UUID, outcome: tuple[Standing, list[Change]]) -> None:
        standing, changes = outcome
        if standing is not self.standings[member_id]:
            self.standings[member_id] = standing
            self.steps.setdefault(member_id, []).extend(changes)

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
        self._save_points()
        kept.save(list(self.changed.values()))
        writing.save_many(
            [(one, self.standings[one], changes) for one, changes in sorted(self.steps.items())],
            self.now,
        )
        summary.recount(self.moved, self.now)
        seen = {
            order.member_id: max(
                (at for at, _ in self.activities[order.member_id].orders.values()), default=None
            )
            for order in self.changed.values()
            if order.member_id in self.moved and order.member_id
        }
        profiles.seen_many({one: min(at, self.now) for one, at in seen.items() if at})

    def _save_points(self) -> None:
        items = [posting for _, posting in self.postings]
        seqs = postings.post_earnings(items, self.accounts, now=self.now)
        for (order, _), seq in zip(self.postings, seqs, strict=True):
            order.lot_seq = seq
        for order, points in self.clawbacks:
            assert order.member_id is not None
            policy = self.book.programme_at(order.placed_at).refund
            taken = postings.claw_back(
                order.member_id,
                points,
                lot_seq=order.lot_seq,
                source=("order", str(order.id)),
                others=policy.take_other_lots,
                shortfall="debt" if policy.shortfall == "debt" else "floor",
                now=self.now,
            )
            order.debt += taken.debt
        postings.retime(self.retimed, now=self.now)
