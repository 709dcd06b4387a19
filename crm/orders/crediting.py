"""The points of the orders of one piece of work: decided in memory, then posted set-based."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.members.profiles import MemberFacts
from crm.orders import clawing
from crm.orders.allowances import Allowances
from crm.orders.coupon_figures import shares_of_coupons
from crm.orders.earnings import (
    EARNING,
    Parts,
    available_at,
    earn,
    expiry_json,
    more_parts,
    parts,
    remaining_points,
    zone_of,
)
from crm.orders.kept import Kept
from crm.orders.pricing import Remainder
from crm.orders.tiering import Tiering
from crm.orders.vouchers import Vouchers
from crm.points import postings, retiming
from crm.points.accounts import Account
from crm.points.cart import EarningFacts
from crm.points.postings import Posting
from crm.points.rulebook import Rulebook


class Crediting:
    """What orders earn and lose. The accounts of their members are locked."""

    def __init__(
        self,
        book: Rulebook,
        accounts: dict[UUID, Account],
        facts: Mapping[UUID, MemberFacts],
        tiering: Tiering,
        vouchers: Vouchers,
        now: datetime,
    ) -> None:
        self.book, self.accounts, self.facts, self.now = book, accounts, facts, now
        self.tiering, self.vouchers = tiering, vouchers
        self.allowances = Allowances(facts)
        self.postings: list[tuple[Kept, Posting]] = []
        self.clawbacks: list[tuple[Kept, int]] = []
        self.given_again: list[Kept] = []
        self.retimed: list[Kept] = []

    def follow(self, order: Kept, left: Remainder) -> None:
        """Let the order's points follow its state and its refunds."""
        was = order.breakdown
        if order.status in EARNING and (was is None or order.basis_changed):
            self._earn(order)
        target = remaining_points(order, left)
        if order.lot_seq is not None:
            self._retime(order)
            if target > order.points:
                self._give_again(order, target, left, was)
        elif order.status in EARNING and order.granted:
            # Always posted whole and clawed back after, so that the ledger tells the same story
            # whether a refund came before or after its order.
            programme = self.book.programme_at(order.placed_at)
            lots, at = parts(order, programme), min(order.paid_at or order.placed_at, self.now)
            self._post(order, order.granted, str(order.id), lots, at)
            order.points = order.granted
        if target < order.points:
            self.clawbacks.append((order, order.points - target))
            self._count_points(order, self.now, target - order.points)
        order.points = target

    def _earn(self, order: Kept) -> None:
        member_id = order.member_id
        assert member_id is not None
        facts, tier = self.facts[member_id], self.tiering.held_by(member_id, order.placed_at)
        programme = self.book.programme_at(order.placed_at)
        rules = self.book.rules_at(order.placed_at)
        of_coupons = self.vouchers.rules(order)
        found = earn(
            order,
            programme,
            [*rules, *of_coupons],
            EarningFacts(
                zone=zone_of(facts.zone),
                tier=tier.code,
                multiplier=tier.multiplier,
                segment=facts.segment,
                first_order=self.tiering.is_first(order),
                birthday_month=facts.birthday_month,
            ),
            self.allowances.used(member_id, order.placed_at, programme, rules, order.id),
        )
        order.granted, order.breakdown = found.points, found.document()
        shares_of_coupons(order.breakdown["breakdown"], of_coupons)
        self.allowances.note(order)

    def _give_again(
        self, order: Kept, target: int, left: Remainder, was: dict[str, Any] | None
    ) -> None:
        """Earned again, after a cancellation or by other lines: what was let go first.

        `was` is the breakdown that the order's points had.
        """
        assert was is not None, "who has a lot has been counted"
        points = target - order.points
        forgotten = min(order.let_go, points)
        order.let_go -= forgotten
        self.given_again.append(order)
        if points > forgotten:
            order.regrants += 1
            more, programme = points - forgotten, self.book.programme_at(order.placed_at)
            lots = more_parts(order, more, target, left, was, programme)
            # Now, not at the payment: until now the member did not have them.
            self._post(order, more, f"{order.id}#{order.regrants}", lots, self.now)
            order.clawed -= min(order.clawed, points - forgotten)
            order.debt = min(order.debt, order.clawed)

    def _post(self, order: Kept, points: int, source: str, lots: Parts, at: datetime) -> None:
        assert order.member_id is not None
        programme = self.book.programme_at(order.placed_at)
        order.available_at = available_at(order, programme)
        posting = Posting(
            member_id=order.member_id,
            points=points,
            occurred_at=at,
            source_type="order",
            source_id=source,
            available_at=order.available_at,
            zone=self.facts[order.member_id].zone,
            expiry=expiry_json(programme.expiry),
            parts=lots,
        )
        self.postings.append((order, posting))
        self._count_points(order, at, points)

    def _count_points(self, order: Kept, at: datetime, points: int) -> None:
        assert order.member_id is not None
        self.tiering.count_points(order.member_id, at, points)

    def _retime(self, order: Kept) -> None:
        """A delivery or a release may bring the points forward; what is spendable stays so."""
        if order.available_at is not None and order.available_at <= self.now:
            return
        due = available_at(order, self.book.programme_at(order.placed_at))
        if due != order.available_at:
            order.available_at = due
            self.retimed.append(order)

    def post(self) -> None:
        """Write what orders earn, in the caller's transaction."""
        seqs = postings.post_earnings(
            [posting for _, posting in self.postings], self.accounts, now=self.now
        )
        for (order, _), seq in zip(self.postings, seqs, strict=True):
            order.lot_seq = seq

    def take_back(self) -> None:
        """Take back what they lost, move releases; orders then know what came of it."""
        for order, points in self.clawbacks:
            programme = self.book.programme_at(order.placed_at)
            clawing.claw_back(order, points, programme.refund, now=self.now)
        for order in (*self.given_again, *(order for order, _ in self.clawbacks)):
            clawing.deduct(order, self.book.programme_at(order.placed_at))
        retiming.retime([row for one in self.retimed for row in self._times(one)], now=self.now)

    def _times(self, order: Kept) -> list[tuple[UUID, int, datetime | None, str, str]]:
        """The order's lots with their new time, as `retiming.retime` takes them."""
        assert order.member_id is not None
        programme = self.book.programme_at(order.placed_at)
        zone, expiry = self.facts[order.member_id].zone, expiry_json(programme.expiry)
        return [
            (order.member_id, seq, order.available_at, zone, expiry)
            for seq in clawing.own_lots(order, self.now)
        ]
