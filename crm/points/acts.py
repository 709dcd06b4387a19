"""What an act earns: the activity rules that apply, trimmed by caps. Pure; whole points only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from crm.points.cart import EarningFacts
from crm.points.conditions import Situation
from crm.points.rule import ACTIVITY, Rule
from crm.points.unmet import Unmet, first_unmet

POINTS_LIMIT = 1_000_000_000
REFERRER, REFEREE = "referrer", "referee"
RULE_DAY, ACTIVITY_DAY = "rule_per_member_day", "activity_per_member_day"
NO_ORDER = "order_required"


@dataclass(frozen=True, slots=True)
class Act:
    """What a member did, and when.

    `order` is how the order that it is about stands, as far as rules ask: None, it counts; else a
    code of `unmet.REASONS` (no order was named, it is not paid, refunded, another's).
    """

    activity: str
    at: datetime
    member: EarningFacts
    order: str | None = NO_ORDER
    role: str = REFERRER

    def points_of(self, rule: Rule) -> int:
        """What a rule gives for it; a referral gives each side its own."""
        return rule.referee_points if self.role == REFEREE else rule.points


@dataclass(frozen=True, slots=True)
class Given:
    """What awards by rules gave the member for this activity on this local day, also by rule."""

    activity: int = 0
    by_rule: Mapping[UUID, int] = field(default_factory=dict)


class Share(NamedTuple):
    """What one rule gives: `granted` of `points`, within its cap and the activity's."""

    rule: Rule
    points: int
    granted: int
    capped_by: str | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rule_id": str(self.rule.id),
            "version": self.rule.version,
            "name": self.rule.name,
            "points": self.points,
            "granted": self.granted,
            "capped_by": self.capped_by,
        }


class Reward(NamedTuple):
    """What an act earns, and why: `granted` of `desired`; the last cap that cost points."""

    desired: int
    granted: int
    capped_by: str | None
    shares: Sequence[Share]


def unmet(rule: Rule, act: Act) -> Unmet | None:
    """Why a rule in force for this activity does not apply; None where nothing is in the way."""
    found = first_unmet(rule.conditions, Situation(act.at, act.member))
    if found is None and rule.requires_paid_order and act.order is not None:
        return Unmet(act.order, {})
    return found


def applying(rules: Iterable[Rule], act: Act) -> list[Rule]:
    """The rules that reward an act, in rank order (as they come); of an exclusive group the first
    that applies."""
    groups: set[str] = set()
    found = []
    for rule in rules:
        if rule.kind != ACTIVITY or rule.activity != act.activity or not act.points_of(rule):
            continue
        if rule.exclusive_group in groups or unmet(rule, act) is not None:
            continue
        if rule.exclusive_group is not None:
            groups.add(rule.exclusive_group)
        found.append(rule)
    return found


def reward(rules: Sequence[Rule], act: Act, given: Given, limit: int | None) -> Reward:
    """What these rules give, which apply: caps trim them in rank order, and never refuse.

    `limit` is the activity's own cap of a member's local day, None for none.
    """
    left = POINTS_LIMIT if limit is None else max(limit - given.activity, 0)
    cap = "points_limit" if limit is None else ACTIVITY_DAY
    shares = []
    for rule in rules:
        points = granted = act.points_of(rule)
        capped_by = None
        if rule.cap_per_member_day is not None:
            rest = max(rule.cap_per_member_day - given.by_rule.get(rule.id, 0), 0)
            if rest < granted:
                granted, capped_by = rest, RULE_DAY
        if left < granted:
            granted, capped_by = left, cap
        left -= granted
        shares.append(Share(rule, points, granted, capped_by))
    return Reward(
        sum(share.points for share in shares),
        sum(share.granted for share in shares),
        next((share.capped_by for share in reversed(shares) if share.capped_by), None),
        shares,
    )
