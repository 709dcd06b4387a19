"""A gift: what a member shall have for one occasion, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one member shall have for one occasion.

    `coupon` is a coupon template, `variables` what the message says beside the gift, which is added
    as `coupon.*` and `points.amount`. `coupon_occasion` and `coupon_source`: where the same coupon
    may have been given by another room already. `template_id`: he is told by this template, not
    by that of the others. Times as `planning.plan` has them.
    """

    member_id: UUID
    occasion: str
    points: int = 0
    coupon: UUID | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    not_after: datetime | None = None
    coupon_occasion: str | None = None
    coupon_source: tuple[str, str] | None = None
    template_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What came of it. `refused`: the code of why nothing at all was given (`pool_empty`,
    `stock_empty`, `budget_exhausted`, `member_limit_reached`, `coupon_template_ended`, …)."""

    points: int = 0
    coupon: str | None = None
    told: bool = False
    refused: str | None = None
