"""Lots, holds, spends and accounts of the obvious ledger: plain lists."""

from dataclasses import dataclass, field
from datetime import datetime

from obvious_orders import NEVER, Order


@dataclass(eq=False)
class Lot:
    """Points that share one expiry. `left` includes what holds keep of them."""

    left: int
    opens: datetime
    lapses: datetime | None
    held: int = 0

    @property
    def free(self) -> int:
        return self.left - self.held

    def is_valid(self, now: datetime) -> bool:
        return self.lapses is None or now < self.lapses

    def is_open(self, now: datetime) -> bool:
        return self.opens <= now and self.is_valid(now)


Parts = list[tuple[Lot, int]]


@dataclass(eq=False)
class Hold:
    """Points of some lots, reserved until an instant (exclusive)."""

    owner: str
    parts: Parts
    until: datetime
    state: str = "held"

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts)


@dataclass(eq=False)
class Spend:
    """What was spent, lot by lot in the order of spending; what was given back is gone from it."""

    owner: str
    parts: Parts

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts)


@dataclass(eq=False)
class Account:
    """One member's points. Lots stand in the order in which they were opened."""

    zone: str
    lots: list[Lot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    debt: int = 0
    earned: int = 0

    def spendable(self, now: datetime) -> list[Lot]:
        """In the order in which they are spent: earliest expiry first, then oldest."""
        found = [lot for lot in self.lots if lot.free and lot.is_open(now)]
        return sorted(found, key=lambda lot: lot.lapses or NEVER)

    def available(self, now: datetime) -> int:
        return max(sum(lot.free for lot in self.spendable(now)) - self.debt, 0)

    def take(self, points: int, lots: list[Lot]) -> Parts:
        """Up to `points` out of these lots, in turn."""
        parts = []
        for lot in lots:
            some = min(points, lot.free)
            if some:
                lot.left -= some
                points -= some
                parts.append((lot, some))
        return parts

    def pay_debt(self, now: datetime) -> None:
        self.debt -= total(self.take(self.debt, self.spendable(now)))

    def open(self, points: int, opens: datetime, lapses: datetime | None, now: datetime) -> Lot:
        lot = Lot(points, opens, lapses)
        self.lots.append(lot)
        self.pay_debt(now)
        return lot

    def end_holds(self, now: datetime) -> None:
        for hold in self.holds:
            if hold.state == "held" and hold.until <= now:
                hold.state = "void"
                free(hold.parts)

    def lapse(self, now: datetime) -> None:
        for lot in self.lots:
            if not lot.is_valid(now):
                lot.left = lot.held


def total(parts: Parts) -> int:
    return sum(points for _, points in parts)


def free(parts: Parts) -> None:
    for lot, points in parts:
        lot.held -= points


@dataclass(eq=False)
class Merge:
    """Who went into whom, and what came along: lots as (original, copy)."""

    gone: str
    into: str
    at: datetime
    debt: int
    earned: int
    lots: list[tuple[Lot, Lot]]
    holds: list[Hold]
    orders: list[tuple[Order, list[Lot]]]
    names: list[str] = field(default_factory=list)  # the record, and who was merged into it before
    golden: frozenset[str] = frozenset()
    undone: bool = False
