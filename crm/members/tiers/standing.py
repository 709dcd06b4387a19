"""Where a member stands on the ladder, and the steps that led there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from crm.members.tiers.ladder import Metrics

# "Won" by what remained after a refund: any later full refund judges the tier again.
REMAINDER = UUID(int=0)


class Activity(Protocol):
    """What one member did, as the rooms above know it: counted orders and points earned."""

    def within(self, start: datetime | None, end: datetime) -> Metrics:
        """The metrics of [start, end], both inclusive; None: from the very beginning."""
        ...


@dataclass(frozen=True, slots=True)
class Layer:
    """A tier as it was before a higher one was won on top of it."""

    tier: str
    since: datetime
    valid_until: datetime | None = None
    won_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The tier a member earned, and the floor that staff put under it.

    `valid_until`: exclusive instant at which the period ends; None for the lowest tier.
    `grace_until`: set while a period that has ended is in its grace.
    `won_by`: the order that won the tier in this period; None once it was kept or given otherwise.
    `beneath`: lowest first, what a full refund of `won_by` falls back to.
    `reviewed_at`: the last instant at which anything was decided; nothing is decided before it.
    """

    tier: str
    since: datetime
    valid_until: datetime | None = None
    won_by: UUID | None = None
    beneath: tuple[Layer, ...] = ()
    grace_until: datetime | None = None
    floor: str | None = None
    floor_since: datetime | None = None
    floor_until: datetime | None = None
    floor_reason: str | None = None
    reviewed_at: datetime | None = None
    ladder_version: int = 0

    @property
    def review_at(self) -> datetime | None:
        """When the period, or its grace, is judged next."""
        return self.grace_until or self.valid_until

    @property
    def due_at(self) -> datetime | None:
        """The next instant at which time alone may change this standing."""
        review, floor = self.grace_until or self.valid_until, self.floor_until
        if floor is None or (review is not None and review <= floor):
            return review
        return floor

    @property
    def previous(self) -> str | None:
        """The tier beneath the one that was won."""
        return self.beneath[-1].tier if self.beneath else None

    def decided_at(self, at: datetime) -> datetime:
        """When news of the instant `at` is judged: then, or at the last decision if that is later.

        What was decided stands, so history never runs backwards.
        """
        return at if self.reviewed_at is None or at >= self.reviewed_at else self.reviewed_at


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a member's history.

    `from_tier` and `to_tier` are the tiers held, floor included (None before the first);
    `earned` is the tier earned after the step. `cause` is one of first, upgrade, kept, downgrade,
    refund, manual, floor_ended, ladder.
    """

    at: datetime
    from_tier: str | None
    to_tier: str
    cause: str
    earned: str
    order_id: UUID | None = None
