"""An order told a second time: what it is worth after refunds, and the points that it deserves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any, ClassVar

WAIT_AFTER_DELIVERY = timedelta(days=7)
WAIT_AFTER_PAID = timedelta(days=15)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Line:
    """Pieces of one price. `worth` is what refunds have left of their money, exact."""

    pieces: int
    price: int
    worth: Fraction = Fraction(0)
    kept: int = 0

    def __post_init__(self) -> None:
        self.worth, self.kept = Fraction(self.pieces * self.price), self.pieces


@dataclass(eq=False)
class Order:
    """A point for each 100 of its worth times `factor`, the tier's when it was placed."""

    PLAIN: ClassVar = Fraction(1)
    GOLDEN: ClassVar = Fraction(3, 2)

    owner: str
    lines: list[Line]
    paid_at: datetime
    factor: Fraction = Fraction(1)
    status: str = "paid"
    delivered_at: datetime | None = None
    released_at: datetime | None = None
    available_at: datetime = NEVER  # of its newest points
    points: int = 0
    lots: list[Any] = field(default_factory=list)
    refunds: int = 0

    @property
    def worth(self) -> Fraction:
        return sum((line.worth for line in self.lines), Fraction(0))

    @property
    def refundable(self) -> int:
        return ceil(self.worth)

    def deserved(self) -> int:
        return 0 if self.status == "cancelled" else floor(self.worth * self.factor / 100)

    def opens(self) -> datetime:
        """When its points become spendable."""
        due = self.paid_at + WAIT_AFTER_PAID
        if self.delivered_at:
            due = self.delivered_at + WAIT_AFTER_DELIVERY
        return min(due, self.released_at) if self.released_at else due

    def refund_amount(self, amount: int) -> None:
        """Spread over what is left of the lines, pro rata."""
        worth = self.worth
        for line in self.lines:
            line.worth -= line.worth / worth * min(Fraction(amount), worth) if worth else 0

    def refund_pieces(self, number: int, pieces: int) -> None:
        """Each piece takes its part of what is left of its line."""
        line = self.lines[number]
        line.worth -= line.worth * Fraction(pieces, line.kept)
        line.kept -= pieces
