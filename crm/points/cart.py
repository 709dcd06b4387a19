"""What an order looks like to the rules that give points for it. Amounts are minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class CartLine:
    """Goods of one kind; `net` is what they cost together, after all discounts (≥ 0)."""

    line_no: int
    sku: str
    quantity: int
    net: int
    category: str | None = None
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Cart:
    """An order as far as points go.

    `shipping` is what the member pays for delivery, `tax` the tax within the lines' nets (used
    only if the programme excludes tax), `points_tender` the part paid with points.
    """

    lines: Sequence[CartLine]
    placed_at: datetime
    channel: str | None = None
    store: str | None = None
    shipping: int = 0
    tax: int = 0
    points_tender: int = 0


@dataclass(frozen=True, slots=True)
class EarningFacts:
    """What rules may know of the member, as it was when the order was placed.

    `zone` is the member's local time, `multiplier` that of the tier (exact: int, Decimal or
    Fraction), `first_order` whether this is the member's first, `birthday_month` 1 to 12.
    """

    zone: tzinfo = UTC
    tier: str | None = None
    multiplier: int | Decimal | Fraction = 1
    segment: str | None = None
    first_order: bool = False
    birthday_month: int | None = None

    def document(self) -> dict[str, Any]:
        """As JSON, kept with what was earned: enough to explain it later."""
        return {
            "zone": str(self.zone),
            "tier": self.tier,
            "multiplier": str(Fraction(self.multiplier)),
            "segment": self.segment,
            "first_order": self.first_order,
            "birthday_month": self.birthday_month,
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """The facts of a `document`."""
        given = dict(document)
        zone, multiplier = ZoneInfo(given.pop("zone")), Fraction(given.pop("multiplier"))
        return cls(zone=zone, multiplier=multiplier, **given)


@dataclass(frozen=True, slots=True)
class Used:
    """What of the caps over time is used up: by the programme, and by rule for its own day cap."""

    day: int = 0
    month: int = 0
    by_rule: Mapping[UUID, Fraction] = field(default_factory=dict)


NOTHING_USED = Used()
