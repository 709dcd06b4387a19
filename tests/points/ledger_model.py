"""The ledger told a second time, as naively as possible: lists, loops, no SQL."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from expiry_oracle import expiry

YEAR = {"policy": "rolling_months", "months": 12}
ZONE = "Asia/Shanghai"


@dataclass
class ModelLot:
    """Points that share one expiry."""

    remaining: int
    available_at: datetime
    expires_at: datetime | None
    released: bool
    number: int = 0

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at

    def is_spendable(self, now: datetime) -> bool:
        return self.available_at <= now and self.is_valid(now)


@dataclass
class ModelOrder:
    """An order of one rate rule: a point for each whole 100 of what is left of it."""

    amount: int
    paid_at: datetime
    lot: ModelLot
    points: int
    refunded: int = 0
    cancelled: bool = False
    delivered_at: datetime | None = None
    refund_count: int = 0


@dataclass
class Model:
    """One member's points."""

    lots: list[ModelLot] = field(default_factory=list)
    debt: int = 0
    earned: int = 0

    def spendable(self, now: datetime) -> list[ModelLot]:
        """In the order in which they are spent."""
        found = [lot for lot in self.lots if lot.remaining and lot.is_spendable(now)]
        never = datetime.max.replace(tzinfo=now.tzinfo)
        return sorted(found, key=lambda lot: (lot.expires_at or never, lot.number))

    def gross(self, now: datetime) -> int:
        return sum(lot.remaining for lot in self.spendable(now))

    def available(self, now: datetime) -> int:
        return max(self.gross(now) - self.debt, 0)

    def debt_shown(self, now: datetime) -> int:
        return max(self.debt - self.gross(now), 0)

    def pending(self, now: datetime) -> int:
        waiting = [lot for lot in self.lots if lot.available_at > now and lot.is_valid(now)]
        return sum(lot.remaining for lot in waiting)

    def open(self, points: int, available_at: datetime, expires_at: datetime | None, now: datetime):
        lot = ModelLot(points, available_at, expires_at, available_at <= now, len(self.lots))
        self.lots.append(lot)
        self.earned += points
        return lot

    def take(self, points: int, lots: list[ModelLot]) -> int:
        """Take up to `points` out of these lots, in turn; what is missing."""
        for lot in lots:
            taken = min(points, lot.remaining)
            lot.remaining -= taken
            points -= taken
        return points

    def absorb(self, now: datetime) -> None:
        self.debt = self.take(self.debt, self.spendable(now))

    def award(self, points: int, until: datetime | None, now: datetime) -> None:
        self.open(points, now, until or expiry(YEAR, now, ZONE), now)
        self.absorb(now)

    def order(self, amount: int, now: datetime) -> ModelOrder:
        due = now + timedelta(days=15)
        lot = self.open(amount // 100, due, expiry(YEAR, due, ZONE), now)
        self.absorb(now)
        return ModelOrder(amount, now, lot, amount // 100)

    def deliver(self, order: ModelOrder, now: datetime) -> None:
        order.delivered_at = now
        if not order.lot.released and order.lot.available_at > now:
            order.lot.available_at = now + timedelta(days=7)
            order.lot.expires_at = expiry(YEAR, order.lot.available_at, ZONE)

    def settle(self, order: ModelOrder, now: datetime) -> None:
        """Take back what the order no longer deserves."""
        left = 0 if order.cancelled else (order.amount - order.refunded) // 100
        too_many, order.points = order.points - left, left
        own = [order.lot] if order.lot.is_valid(now) else []
        missing = self.take(too_many, own)
        self.debt += self.take(missing, self.spendable(now))

    def redeem(self, points: int, now: datetime) -> bool:
        if points > self.available(now):
            return False
        assert not self.take(points, self.spendable(now))
        return True

    def figures(self, now: datetime) -> list[int]:
        """What a reader is told: available, pending, debt, ever earned."""
        return [self.available(now), self.pending(now), self.debt_shown(now), self.earned]

    def foretold(self, now: datetime, at: datetime) -> list[int]:
        """The figures at a later instant if nothing else happens: each release pays debts."""
        later = deepcopy(self)
        releases = {lot.available_at for lot in self.lots if now < lot.available_at <= at}
        for instant in [now, *sorted(releases)]:
            later.absorb(instant)
        return later.figures(at)

    def sweep_expiry(self, now: datetime) -> None:
        for lot in self.lots:
            if not lot.is_valid(now):
                lot.remaining = 0

    def sweep_release(self, now: datetime) -> None:
        due = [lot for lot in self.lots if not lot.released and lot.available_at <= now]
        for lot in due:
            lot.released = True
        if any(lot.remaining for lot in due):
            self.absorb(now)
