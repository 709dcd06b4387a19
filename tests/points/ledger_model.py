"""The ledger told a second time, as naively as possible: lists, loops, no SQL, and no jobs.

Time only moves by `advance`, which stops at every instant at which something falls due.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from expiry_oracle import expiry

YEAR = {"policy": "rolling_months", "months": 12}
ZONE = "Asia/Shanghai"
NEVER = datetime.max.replace(tzinfo=ZoneInfo("UTC"))
GRACE_DAYS = 30


@dataclass
class ModelLot:
    """Points that share one expiry."""

    remaining: int
    available_at: datetime
    expires_at: datetime | None
    number: int = 0

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at

    def is_spendable(self, now: datetime) -> bool:
        return self.available_at <= now and self.is_valid(now)

    @property
    def turn(self) -> tuple[datetime, int]:
        """Its place in the order of spending."""
        return self.expires_at or NEVER, self.number


Parts = list[tuple[ModelLot, int]]


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
class ModelHold:
    """Reserved points; open until it is captured, voided or over."""

    parts: Parts
    until: datetime
    is_open: bool = True

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts)


@dataclass
class ModelSpend:
    """What was spent, lot by lot in the order of spending; less what was given back."""

    parts: Parts

    @property
    def left(self) -> int:
        return sum(points for _, points in self.parts)


@dataclass
class Model:
    """One member's points."""

    now: datetime
    lots: list[ModelLot] = field(default_factory=list)
    holds: list[ModelHold] = field(default_factory=list)
    debt: int = 0
    earned: int = 0

    def held(self, lot: ModelLot) -> int:
        open_holds = [hold for hold in self.holds if hold.is_open]
        return sum(points for hold in open_holds for one, points in hold.parts if one is lot)

    def free(self, lot: ModelLot) -> int:
        return lot.remaining - self.held(lot)

    def spendable(self) -> list[ModelLot]:
        """In the order in which they are spent."""
        found = [lot for lot in self.lots if lot.is_spendable(self.now) and self.free(lot)]
        return sorted(found, key=lambda lot: lot.turn)

    @property
    def available(self) -> int:
        return sum(self.free(lot) for lot in self.spendable()) - self.debt

    def figures(self) -> list[int]:
        """What a reader is told: available, pending, held, debt, ever earned."""
        waiting = [lot for lot in self.lots if lot.available_at > self.now]
        held = sum(hold.points for hold in self.holds if hold.is_open)
        pending = sum(lot.remaining for lot in waiting if lot.is_valid(self.now))
        return [max(self.available, 0), pending, held, self.debt, self.earned]

    def advance(self, until: datetime) -> None:
        """Let time pass: holds end, and what becomes spendable pays debts, each at its instant."""
        releases = {lot.available_at for lot in self.lots}
        ends = {hold.until for hold in self.holds if hold.is_open}
        for instant in sorted(at for at in releases | ends if self.now < at <= until):
            self.now = instant
            for hold in self.holds:
                hold.is_open = hold.is_open and hold.until > instant
            self.absorb()
        self.now = until

    def foretold(self, at: datetime) -> list[int]:
        """The figures at a later instant if nothing else happens."""
        later = deepcopy(self)
        later.advance(at)
        return later.figures()

    def open(self, points: int, available_at: datetime, expires_at: datetime | None) -> ModelLot:
        lot = ModelLot(points, available_at, expires_at, len(self.lots))
        self.lots.append(lot)
        return lot

    def take(self, points: int, lots: list[ModelLot]) -> Parts:
        """Take up to `points` of what is free in these lots, in turn."""
        parts = []
        for lot in lots:
            taken = min(points, self.free(lot))
            if taken:
                lot.remaining -= taken
                points -= taken
                parts.append((lot, taken))
        return parts

    def absorb(self) -> None:
        self.debt -= sum(points for _, points in self.take(self.debt, self.spendable()))

    def award(self, points: int, until: datetime | None) -> None:
        self.open(points, self.now, until or expiry(YEAR, self.now, ZONE))
        self.earned += points
        self.absorb()

    def order(self, amount: int) -> ModelOrder:
        due = self.now + timedelta(days=15)
        lot = self.open(amount // 100, due, expiry(YEAR, due, ZONE))
        self.earned += amount // 100
        return ModelOrder(amount, self.now, lot, amount // 100)

    def deliver(self, order: ModelOrder) -> None:
        order.delivered_at = self.now
        if order.lot.available_at > self.now:
            order.lot.available_at = self.now + timedelta(days=7)
            order.lot.expires_at = expiry(YEAR, order.lot.available_at, ZONE)

    def settle(self, order: ModelOrder) -> None:
        """Take back what the order no longer deserves."""
        left = 0 if order.cancelled else (order.amount - order.refunded) // 100
        too_many, order.points = order.points - left, left
        own = [order.lot] if order.lot.is_valid(self.now) else []
        for lots in (own, self.spendable()):
            too_many -= sum(points for _, points in self.take(too_many, lots))
        self.debt += too_many

    def redeem(self, points: int) -> ModelSpend | None:
        if points > self.available:
            return None
        return ModelSpend(self.take(points, self.spendable()))

    def hold(self, points: int, until: datetime) -> ModelHold | None:
        if points > self.available:
            return None
        parts = self.take(points, self.spendable())
        for lot, taken in parts:
            lot.remaining += taken
        self.holds.append(ModelHold(parts, until))
        return self.holds[-1]

    def capture(self, hold: ModelHold, points: int) -> ModelSpend:
        hold.is_open = False
        spent = []
        for lot, part in sorted(hold.parts, key=lambda item: item[0].turn):
            taken = min(points, part)
            lot.remaining -= taken
            points -= taken
            spent.append((lot, taken))
        self.absorb()
        return ModelSpend(spent)

    def void(self, hold: ModelHold) -> None:
        hold.is_open = False
        self.absorb()

    def reverse(self, spent: ModelSpend, points: int) -> None:
        """What was spent last comes back first; of lapsed lots for thirty days."""
        left, lapsed = [], 0
        for lot, part in sorted(spent.parts, key=lambda item: item[0].turn, reverse=True):
            back = min(points, part)
            points -= back
            left.append((lot, part - back))
            if lot.is_valid(self.now):
                lot.remaining += back
            else:
                lapsed += back
        spent.parts = left
        if lapsed:
            zone = ZoneInfo(ZONE)
            day = self.now.astimezone(zone).date() + timedelta(days=GRACE_DAYS + 1)
            self.open(lapsed, self.now, datetime.combine(day, time(), zone))
        self.absorb()

    def give(self, other: "Model", points: int) -> bool:
        """A transfer: each point keeps its expiry."""
        if points > self.available:
            return False
        by_expiry: dict[datetime | None, int] = {}
        for lot, taken in self.take(points, self.spendable()):
            by_expiry[lot.expires_at] = by_expiry.get(lot.expires_at, 0) + taken
        for until, taken in by_expiry.items():
            other.open(taken, self.now, until)
        other.absorb()
        return True
