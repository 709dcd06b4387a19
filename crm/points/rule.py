"""One version of a rule, parsed: what it gives, when it counts, and how it ranks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from crm.points.conditions import Conditions
from crm.points.programme_settings import DEFAULTS, Expiry

RATE, MULTIPLIER, PER_ORDER, PER_UNIT = "rate", "multiplier", "per_order", "per_unit"
ACTIVITY = "activity"
MONTH = timedelta(days=31)
KINDS = (RATE, MULTIPLIER, PER_ORDER, PER_UNIT, ACTIVITY)
ACTIVITIES = (
    "sign_up",
    "profile_completed",
    "review",
    "share",
    "referral",
    "check_in",
    "birthday",
    "survey",
    "custom",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One version. It counts for orders placed in [valid_from, superseded_at), and there only
    within [starts_at, ends_at). None is open.

    `points` and `per_amount` (minor units) are a rate's; `points` also a bonus's or an activity's;
    `factor` is a multiplier's as an exact pair; caps are points, None is no limit. `points` of a
    referral are the referrer's. `expiry` is how long what it gives lasts; None: as long as the
    programme says, or what a multiplier multiplies.
    """

    id: UUID
    version: int
    kind: str
    name: str
    priority: int
    exclusive_group: str | None
    points: int
    per_amount: int
    factor: tuple[int, int]
    activity: str | None
    referee_points: int
    requires_paid_order: bool
    expiry: Expiry | None
    cap_per_order: int | None
    cap_per_member_day: int | None
    capped: bool
    conditions: Conditions
    valid_from: datetime
    superseded_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None

    @classmethod
    def parse(
        cls,
        document: Mapping[str, Any],
        *,
        id: UUID,
        version: int,
        valid_from: datetime,
        superseded_at: datetime | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> Self:
        """The rule of a stored document, which was validated when it was written."""
        cap, expiry = document.get("cap") or {}, document.get("expiry")
        return cls(
            id=id,
            version=version,
            kind=document["kind"],
            name=document["name"],
            priority=document.get("priority", 0),
            exclusive_group=document.get("exclusive_group"),
            points=document.get("points", 0),
            per_amount=document.get("per_amount", 1),
            factor=Decimal(document.get("factor", "1")).as_integer_ratio(),
            activity=document.get("activity"),
            referee_points=document.get("referee_points", 0),
            expiry=Expiry(**DEFAULTS["expiry"] | expiry) if expiry else None,
            requires_paid_order=document.get("requires_paid_order", False),
            cap_per_order=cap.get("per_order"),
            cap_per_member_day=cap.get("per_member_day"),
            capped=any(limit is not None for limit in cap.values()),
            conditions=Conditions.parse(document.get("conditions") or {}),
            valid_from=valid_from,
            superseded_at=superseded_at,
            starts_at=starts_at,
            ends_at=ends_at,
        )

    def in_force(self, at: datetime) -> bool:
        """Whether this version counts for what happens at `at`."""
        return (
            self.valid_from <= at
            and (self.superseded_at is None or at < self.superseded_at)
            and (self.starts_at is None or self.starts_at <= at)
            and (self.ends_at is None or at < self.ends_at)
        )

    def is_near(self, at: datetime) -> bool:
        """Whether this version counts at `at`, or ended or begins within a month of it."""
        ends = [end for end in (self.ends_at, self.superseded_at) if end is not None]
        return (self.starts_at is None or self.starts_at <= at + MONTH) and (
            not ends or min(ends) > at - MONTH
        )

    def turning_points(self) -> Iterable[datetime]:
        """The instants at which this version begins or ceases to count."""
        edges = (self.valid_from, self.superseded_at, self.starts_at, self.ends_at)
        return (edge for edge in edges if edge is not None)


def rank(rule: Rule) -> tuple[int, UUID]:
    """Sort key: highest priority first, then lowest id."""
    return -rule.priority, rule.id
