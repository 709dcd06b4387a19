"""The programme's settings as a frozen tree, with the defaults that a new shop starts with.

Field names are those of the contract (`GET/PUT /points/programme`); amounts are minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

DEFAULTS: dict[str, Any] = {
    "currency": "CNY",
    "timezone": "Asia/Shanghai",
    "rounding": "floor",
    "basis": {
        "include_tax": True,
        "include_shipping": False,
        "points_tender_earns": False,
        "excluded": {"skus": [], "categories": [], "labels": []},
    },
    "pending": {"policy": "days_after_delivery", "days": 7, "fallback_days_after_paid": 15},
    "expiry": {"policy": "rolling_months", "months": 12, "month": 12, "day": 31},
    "redemption": {
        "points_per_step": 100,
        "value_per_step": 100,
        "min_points": 100,
        "max_share_percent": 50,
    },
    "refund": {
        "shortfall": "debt",
        "take_other_lots": True,
        "restore_lapsed": "grace",
        "grace_days": 30,
    },
    "caps": {"per_order": None, "per_member_day": None, "per_member_month": None},
    "adjustment": {
        "clerk": {"per_act": 200, "per_day": 500},
        "manager": {"per_act": 5000, "per_day": 20000},
    },
    "activities": {
        "per_member_day": {},
        "profile_fields": ["name", "birthday", "contact"],
        "referral": {"per_referrer_month": None, "review_flagged": True},
    },
    "adjustment_by_keys": {"per_act": 5000, "per_day": None},
}

ROUNDINGS = ("floor", "half_up", "ceil")
PENDING_POLICIES = ("days_after_delivery", "days_after_paid", "immediately", "manual")
EXPIRY_POLICIES = (
    "rolling_months",
    "rolling_months_month_end",
    "rolling_months_quarter_end",
    "rolling_months_year_end",
    "fixed_day",
    "inactivity_months",
    "never",
)
SHORTFALLS = ("debt", "floor_at_zero", "deduct_from_refund")
RESTORES = ("grace", "lapse")
PROFILE_FIELDS = ("name", "gender", "birthday", "contact", "phone", "email")


@dataclass(frozen=True, slots=True)
class Excluded:
    """Goods that earn nothing."""

    skus: frozenset[str]
    categories: frozenset[str]
    labels: frozenset[str]

    def anything(self) -> bool:
        """Whether any goods are excluded at all."""
        return bool(self.skus or self.categories or self.labels)

    def has(self, sku: str, category: str | None, labels: Sequence[str]) -> bool:
        """Whether goods with these marks are excluded."""
        return (
            sku in self.skus
            or category in self.categories
            or bool(self.labels and not self.labels.isdisjoint(labels))
        )


@dataclass(frozen=True, slots=True)
class BasisSettings:
    """What of an order earns."""

    include_tax: bool
    include_shipping: bool
    points_tender_earns: bool
    excluded: Excluded


@dataclass(frozen=True, slots=True)
class Pending:
    """When points become available."""

    policy: str
    days: int
    fallback_days_after_paid: int


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long points last, counted from the day they become available."""

    policy: str
    months: int
    month: int
    day: int

    def document(self) -> dict[str, Any]:
        """The policy with what it depends on, and nothing else, as JSON."""
        if self.policy == "fixed_day":
            return {"policy": self.policy, "month": self.month, "day": self.day}
        return {"policy": self.policy} | ({} if self.policy == "never" else {"months": self.months})


@dataclass(frozen=True, slots=True)
class Redemption:
    """What points are worth, and how many may be spent."""

    points_per_step: int
    value_per_step: int
    min_points: int
    max_share_percent: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Where points come from and go to when goods come back."""

    shortfall: str
    take_other_lots: bool
    restore_lapsed: str
    grace_days: int


@dataclass(frozen=True, slots=True)
class Caps:
    """The most points that orders can earn; None is no limit."""

    per_order: int | None
    per_member_day: int | None
    per_member_month: int | None


@dataclass(frozen=True, slots=True)
class AdjustmentLimit:
    """How many points a role, or an API key, may adjust alone; None is no limit."""

    per_act: int | None
    per_day: int | None

    def allows(self, points: int, so_far: int) -> bool:
        """Whether these points (given or taken) may be adjusted after `so_far` on the same day."""
        within_act = self.per_act is None or abs(points) <= self.per_act
        return within_act and (self.per_day is None or so_far + abs(points) <= self.per_day)


@dataclass(frozen=True, slots=True)
class Referral:
    """How many friends of a referrer count in a local month (None: all), and whether referrals
    that look like one person's wait for somebody to look at them."""

    per_referrer_month: int | None
    review_flagged: bool


@dataclass(frozen=True, slots=True)
class Activities:
    """What binds awards by rules: points per activity and member's local day (absent or None: no
    limit), what a complete profile has, and referrals."""

    per_member_day: Mapping[str, int | None]
    profile_fields: Sequence[str]
    referral: Referral


@dataclass(frozen=True, slots=True)
class Programme:
    """The settings in force at some instant. Compare and cache by `version`."""

    version: int
    effective_at: datetime
    currency: str
    timezone: str
    rounding: str
    basis: BasisSettings
    pending: Pending
    expiry: Expiry
    redemption: Redemption
    refund: Refund
    caps: Caps
    adjustment: Mapping[str, AdjustmentLimit]
    activities: Activities
    adjustment_by_keys: AdjustmentLimit
    zone: ZoneInfo

    @classmethod
    def parse(
        cls, version: int, effective_at: datetime, document: Mapping[str, Any], currency: str
    ) -> "Programme":
        """The tree of a stored document, which was validated when it was written.

        A setting that is younger than the version has its default.
        """
        document = merged(DEFAULTS, document)
        basis = document["basis"]
        excluded = Excluded(**{name: frozenset(of) for name, of in basis["excluded"].items()})
        limits = document["adjustment"].items()
        activities = document["activities"]
        return cls(
            version=version,
            effective_at=effective_at,
            currency=currency,
            timezone=document["timezone"],
            rounding=document["rounding"],
            basis=BasisSettings(**{**basis, "excluded": excluded}),
            pending=Pending(**document["pending"]),
            expiry=Expiry(**document["expiry"]),
            redemption=Redemption(**document["redemption"]),
            refund=Refund(**document["refund"]),
            caps=Caps(**document["caps"]),
            adjustment={role: AdjustmentLimit(**limit) for role, limit in limits},
            activities=Activities(**{**activities, "referral": Referral(**activities["referral"])}),
            adjustment_by_keys=AdjustmentLimit(**document["adjustment_by_keys"]),
            zone=ZoneInfo(document["timezone"]),
        )


def merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `given` says instead; objects are merged, lists replaced whole."""
    found = dict(base)
    for name, value in given.items():
        both = isinstance(value, dict) and isinstance(base.get(name), dict)
        found[name] = merged(base[name], value) if both else value
    return found
