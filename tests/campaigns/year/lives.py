"""What happened to members, as plain facts: the planner and the comparison read these alone."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass
class Bought:
    """An order of one product as it was told: paid, maybe delivered, maybe refunded in full. Minor
    units."""

    id: UUID
    number: str
    amount: int
    paid_at: datetime
    delivered_at: datetime | None = None
    refunded_at: datetime | None = None
    sku: str = "T"
    category: str = ""


@dataclass
class Answered:
    """An answer that was sent to the survey about an order; `closed_at`: its case, if it had
    one."""

    order: Bought
    at: datetime
    rating: int
    closed_at: datetime | None = None


@dataclass
class Complained:
    """A case that was opened by hand."""

    at: datetime
    closed_at: datetime | None = None


@dataclass
class Life:
    """A member: where he lives, since when he is one, and all that was told of him, in order."""

    id: UUID
    zone: str
    joined_at: datetime
    agreed: list[tuple[datetime, bool]] = field(default_factory=list)
    orders: list[Bought] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    complaints: list[Complained] = field(default_factory=list)
