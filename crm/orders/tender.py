"""Orders paid with points: the hold that an order names is spent, given free, or given back.

Decided in memory under the lock of the members' accounts, carried out by the ledger's verbs.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.orders.earnings import EARNING
from crm.orders.errors import HoldOfAnother, HoldUsed, TenderTooLarge
from crm.orders.incoming import Incoming
from crm.orders.kept import Collision, Kept
from crm.points import holds, restoring, taking
from crm.points.errors import HoldNotFound, InsufficientPoints
from crm.points.holds import Hold
from crm.points.programme_settings import Programme
from crm.points.rulebook import Rulebook

USERS = text("""
    SELECT points_hold, channel, order_no FROM orders WHERE points_hold = ANY (:ids)
""")


def worth(points: int, programme: Programme) -> int:
    """What points pay for, in minor units, rounded down: the programme's redemption rate."""
    rate = programme.redemption
    return points * rate.value_per_step // rate.points_per_step


def due_back(order: Kept, amount: int) -> int:
    """Of an amount that paid for the order, the part that its refunds and its end return.

    Pro rata to all refunds so far, rounded down; the whole once all is refunded or cancelled.
    """
    if order.status == "cancelled" or order.refunded >= order.total:
        return amount
    return amount * order.refunded // order.total


class Tenders:
    """The holds of the orders of one piece of work. The accounts of their members are locked."""

    def __init__(self, book: Rulebook, now: datetime) -> None:
        self.book, self.now = book, now
        self._expected: set[UUID] = set()
        self._holds: dict[UUID, Hold] = {}
        self._users: dict[UUID, tuple[str, str]] = {}  # which order names a hold
        self._again: dict[UUID, tuple[UUID, int]] = {}  # orders paid again: whose, how many points
        self.captures: list[Kept] = []
        self.voids: list[UUID] = []
        self.retakes: list[tuple[Kept, int]] = []
        self.restores: list[tuple[Kept, int]] = []

    def expect(self, hold_ids: Iterable[UUID | None]) -> None:
        """Holds that will be asked about, to be read together if at all."""
        self._expected.update(one for one in hold_ids if one is not None)

    def accept(
        self, known: Kept | None, given: Incoming, owner: UUID | None, total: int
    ) -> UUID | None:
        """The hold that this write leaves its order with. Changes nothing of the order.

        A write that names none keeps the one that is known. Raises `HoldNotFound`,
        `HoldOfAnother`, `HoldUsed`, `HoldExpired`, `HoldVoid`, `HoldCaptured`, `TenderTooLarge`;
        `InsufficientPoints` if the order is paid again and the points that it gave back are gone;
        `Collision` if another transaction has just written the same new order.
        """
        named, ours = given.points_hold, known.points_hold if known else None
        if known is not None and known.spent and named in (None, ours):
            if known.status == "cancelled" and given.status in EARNING:
                self._check_again(known)
            return ours
        if named is None:
            return ours
        if known is not None and known.spent and known.status != "cancelled":
            raise HoldUsed(pointer="/points_hold")
        self._check_named(named, known, given, owner, total)
        return named

    def _check_named(
        self, named: UUID, known: Kept | None, given: Incoming, owner: UUID | None, total: int
    ) -> None:
        hold = self._find(named)
        if hold is None:
            raise HoldNotFound(pointer="/points_hold")
        if hold.member_id != owner:
            raise HoldOfAnother(pointer="/points_hold")
        if self._users.get(named, given.key) != given.key:
            raise HoldUsed(pointer="/points_hold")
        if named in self._users and known is None:
            raise Collision()  # a twin of this write was faster
        if given.status == "cancelled":
            return
        holds.check_open(hold, self.now, pointer="/points_hold")
        value = worth(hold.points, self.book.programme_at(given.placed_at))
        if value > total:
            raise TenderTooLarge(pointer="/points_hold", value=value, total=total)

    def _check_again(self, order: Kept) -> None:
        """Whether the member still has the points that a cancellation gave back to him."""
        assert order.member_id is not None
        needed = order.spent - order.spent * order.refunded // max(order.total, 1)
        others = sum(points for one, points in self._again.values() if one == order.member_id)
        available = max(holds.spendable(order.member_id, self.now) - others, 0)
        if available < needed:
            raise InsufficientPoints(
                pointer="/points_hold", required=needed, available=available,
                missing=needed - available,
            )  # fmt: skip
        self._again[order.id] = order.member_id, needed

    def assign(self, order: Kept, hold_id: UUID | None) -> None:
        """Let the order be paid with this hold; one that it named before is given free."""
        if hold_id is None or hold_id == order.points_hold:
            return
        if order.points_hold is not None and not order.spent:
            self._give_free(order.points_hold)
        order.points_hold, order.spent_seq, order.spender = hold_id, None, None
        order.spent = order.tender = order.restored = 0
        self._users[hold_id] = order.key

    def follow(self, order: Kept) -> None:
        """Let the order's hold and the points that paid for it follow its state and refunds."""
        if order.points_hold is not None and not order.spent:
            self._resolve(order, order.points_hold)
        due = due_back(order, order.spent)
        if due > order.restored:
            self.restores.append((order, due - order.restored))
        elif due < order.restored == order.spent and order.id in self._again:
            self.retakes.append((order, order.restored - due))
        else:
            return
        order.restored = due

    def _resolve(self, order: Kept, hold_id: UUID) -> None:
        hold = self._find(hold_id)
        if order.status == "cancelled":
            self._give_free(hold_id)
        elif order.status in EARNING and (hold is None or not hold.is_open(self.now)):
            order.points_hold = None  # remembered, not named: it ended and its points are free
        elif order.status in EARNING:
            assert hold is not None
            programme = self.book.programme_at(order.placed_at)
            order.spent, order.tender = hold.points, worth(hold.points, programme)
            order.basis_changed |= not programme.basis.points_tender_earns
            self.captures.append(order)

    def _give_free(self, hold_id: UUID) -> None:
        hold = self._find(hold_id)
        if hold is not None and hold.is_open(self.now):
            self.voids.append(hold_id)

    def _find(self, hold_id: UUID) -> Hold | None:
        if hold_id not in self._holds:
            wanted = [*({hold_id} | self._expected) - self._holds.keys()]
            self._holds.update(holds.find_many(wanted))
            for row in db.session.execute(USERS, {"ids": wanted}):
                self._users.setdefault(row.points_hold, (row.channel, row.order_no))
            self._expected.clear()
        return self._holds.get(hold_id)

    def save(self) -> None:
        """Carry it out, in the caller's transaction; orders then know the entries."""
        for order in self.captures:
            assert order.points_hold is not None
            hold = holds.capture(order.points_hold, now=self.now)
            order.spent_seq, order.spender = hold.resolved_by, hold.member_id
        for hold_id in self.voids:
            holds.void(hold_id, now=self.now)
        for order, points in self.retakes:
            self._take_again(order, points)
        for order, points in self.restores:
            assert order.spender is not None, "captured above, or long ago"
            assert order.spent_seq is not None
            # What staff reversed by hand has gone back already.
            points = min(points, restoring.left(order.spender, order.spent_seq))
            if points:
                source = ("order", str(order.id))
                restoring.restore(
                    order.spender, order.spent_seq, points, source=source, now=self.now
                )

    def _take_again(self, order: Kept, points: int) -> None:
        """A cancelled order that is paid after all: what it gave back is spent anew."""
        assert order.member_id is not None
        taken = taking.spend(order.member_id, points, source=("order", str(order.id)), now=self.now)
        order.spent_seq, order.spender = taken.seq, order.member_id
        order.restored += points - taken.points
