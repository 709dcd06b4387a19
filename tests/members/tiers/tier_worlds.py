"""Ladders, purchases and members that the tests of tiers are told with."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm.members.tiers import engine
from crm.members.tiers.ladder import Ladder, Metrics
from crm.members.tiers.standing import Change, Standing

SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = [
    ZoneInfo(name)
    for name in (
        "Asia/Shanghai",
        "Pacific/Pago_Pago",  # -11
        "Pacific/Kiritimati",  # +14
        "America/New_York",
        "America/Santiago",  # skips midnight in spring
        "Asia/Kathmandu",
        "UTC",
    )
]


def tier(code: str, *, keep: Any = None, match: str = "any", **least: int) -> dict[str, Any]:
    """One tier of a document: `tier("silver", spend=1000, orders=10)`."""
    items = [{"metric": metric, "at_least": value} for metric, value in least.items()]
    return {"code": code, "name": {"en": code.title()}, "qualify": {match: items}, "keep": keep}


def keeping(match: str = "any", **least: int) -> dict[str, Any]:
    """A condition for keeping a tier."""
    return {match: [{"metric": name, "at_least": value} for name, value in least.items()]}


THREE = [tier("new"), tier("silver", spend=1000), tier("gold", spend=3000)]


def ladder(tiers: list[dict[str, Any]] | None = None, **settings: Any) -> Ladder:
    """A ladder of New, Silver (1,000) and Gold (3,000), or of the tiers given."""
    return Ladder.parse({"tiers": deepcopy(tiers or THREE), **settings})


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """A local time of a zone as an instant: `at("2026-01-31")` is its midnight."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@dataclass
class Purchases:
    """What a member bought: [instant, spend, points, id] each; refunds change the spend."""

    rows: list[list[Any]] = field(default_factory=list)

    def within(self, start: datetime | None, end: datetime) -> Metrics:
        """The metrics of orders with any value left."""
        counted = [
            row
            for row in self.rows
            if row[1] > 0 and row[0] <= end and (not start or row[0] >= start)
        ]
        return Metrics(sum(row[1] for row in counted), len(counted), sum(row[2] for row in counted))


class Member:
    """A member living through orders, refunds and time."""

    def __init__(
        self, steps: Ladder, joined: datetime, zone: ZoneInfo = SHANGHAI, numbered: int = 0
    ) -> None:
        self.ladder, self.zone, self.joined = steps, zone, joined
        self.purchases = Purchases()
        self.standing: Standing
        self.standing, self.history = engine.first(steps, joined)
        self.numbered = numbered

    def _took(self, outcome: tuple[Standing, list[Change]]) -> list[Change]:
        self.standing, changes = outcome
        self.history = self.history + changes
        return changes

    def buys(
        self, when: datetime, spend: int, *, points: int = 0, now: datetime | None = None
    ) -> UUID:
        """An order; returns its id."""
        self.numbered += 1
        order_id = UUID(int=self.numbered)
        self.purchases.rows.append([when, spend, points, order_id])
        self._took(
            engine.on_order(
                self.standing,
                self.ladder,
                self.purchases,
                when,
                order_id,
                self.zone,
                self.joined,
                now=now,
            )
        )
        return order_id

    def returns(self, when: datetime, order_id: UUID, left: int = 0) -> list[Change]:
        """A refund that leaves `left` of the order's value."""
        for row in self.purchases.rows:
            if row[3] == order_id:
                row[1] = left
        return self._took(
            engine.on_refund(
                self.standing,
                self.ladder,
                self.purchases,
                when,
                order_id,
                left == 0,
                self.zone,
                self.joined,
            )
        )

    def lives_until(self, when: datetime) -> list[Change]:
        """Time passes."""
        return self._took(
            engine.advance(self.standing, self.ladder, self.purchases, when, self.zone, self.joined)
        )

    def sees(self, new: Ladder, when: datetime) -> list[Change]:
        """The ladder is replaced."""
        outcome = engine.on_ladder_change(
            self.standing, self.ladder, new, self.purchases, when, self.zone, self.joined
        )
        self.ladder = new
        return self._took(outcome)

    def is_held_at(self, code: str, when: datetime, until: datetime | None = None) -> list[Change]:
        """Staff set a floor."""
        self.lives_until(when)
        return self._took(
            engine.set_floor(self.standing, self.ladder, code, until, "a reason", when)
        )

    def held(self, when: datetime) -> str:
        """The tier held at an instant that is not before the last decision."""
        return engine.held(self.standing, self.ladder, when)


def told(changes: list[Change]) -> list[tuple[str | None, str, str]]:
    """Changes in short: from, to, why."""
    return [(one.from_tier, one.to_tier, one.cause) for one in changes]
