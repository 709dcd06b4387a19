"""When a rule applies: to an order as a whole, and to which of its lines.

Within one condition any entry will do; all conditions must hold; an empty one always holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Self

from crm.points.cart import CartLine, EarningFacts

LINE_LISTS = ("skus", "categories", "labels")
ORDER_LISTS = ("stores", "channels", "tiers", "segments")
FLAGS = ("first_order", "birthday_month")


class Situation:
    """An order, or an act, at the instant it happened; local time is worked out when asked for.

    `basis` is a pair: the order's basis in minor units as numerator and denominator.
    """

    __slots__ = ("_local", "at", "basis", "channel", "member", "store")

    def __init__(
        self,
        at: datetime,
        member: EarningFacts,
        *,
        channel: str | None = None,
        store: str | None = None,
        basis: tuple[int, int] = (0, 1),
    ) -> None:
        self.at, self.member = at, member
        self.channel, self.store, self.basis = channel, store, basis
        self._local: datetime | None = None

    @property
    def local(self) -> datetime:
        """The instant by the member's own clock."""
        if self._local is None:
            self._local = self.at.astimezone(self.member.zone)
        return self._local


@dataclass(frozen=True, slots=True)
class LocalWindow:
    """Hours of the local day: `start` inclusive, `end` exclusive; over midnight if end < start."""

    start: time
    end: time

    @classmethod
    def parse(cls, hours: Mapping[str, str]) -> Self:
        """The window of {"from": "18:00", "to": "22:00"}."""
        return cls(time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"]))

    def day_of(self, local: datetime) -> date | None:
        """The day whose window `local` is in (a late window's small hours are the day before's)."""
        clock = local.time()
        if self.start < self.end:
            return local.date() if self.start <= clock < self.end else None
        if clock >= self.start:
            return local.date()
        return local.date() - timedelta(days=1) if clock < self.end else None


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a rule. `order_level` and `line_level` say which questions to ask."""

    skus: frozenset[str]
    categories: frozenset[str]
    labels: frozenset[str]
    stores: frozenset[str]
    channels: frozenset[str]
    tiers: frozenset[str]
    segments: frozenset[str]
    weekdays: frozenset[int]
    window: LocalWindow | None
    min_basis: int
    first_order: bool | None
    birthday_month: bool | None
    order_level: bool
    line_level: bool

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """The conditions of a stored rule; absent ones are empty."""
        hours = document.get("local_time")
        lists = {name: frozenset(document.get(name) or ()) for name in LINE_LISTS + ORDER_LISTS}
        scalars = {
            "weekdays": frozenset(document.get("weekdays") or ()),
            "window": LocalWindow.parse(hours) if hours else None,
            "min_basis": document.get("min_basis") or 0,
        }
        flags = {name: document.get(name) for name in FLAGS}
        order_level = (
            any(lists[name] for name in ORDER_LISTS)
            or any(scalars.values())
            or any(flag is not None for flag in flags.values())
        )
        line_level = any(lists[name] for name in LINE_LISTS)
        settings: dict[str, Any] = {**lists, **scalars, **flags}
        return cls(**settings, order_level=order_level, line_level=line_level)

    def hold(self, situation: Situation) -> bool:
        """Whether everything but the lines fits."""
        member = situation.member
        return (
            (not self.stores or situation.store in self.stores)
            and (not self.channels or situation.channel in self.channels)
            and (not self.tiers or member.tier in self.tiers)
            and (not self.segments or member.segment in self.segments)
            and (self.first_order is None or self.first_order == member.first_order)
            and (not self.min_basis or self._basis_is_met(situation))
            and (self.birthday_month is None or self._birthday_fits(situation))
            and (not (self.weekdays or self.window) or self._time_fits(situation.local))
        )

    def take(self, line: CartLine) -> bool:
        """Whether this line is one the rule is about."""
        return (
            (not self.skus or line.sku in self.skus)
            and (not self.categories or line.category in self.categories)
            and (not self.labels or not self.labels.isdisjoint(line.labels))
        )

    def _basis_is_met(self, situation: Situation) -> bool:
        numerator, denominator = situation.basis
        return numerator >= self.min_basis * denominator

    def _birthday_fits(self, situation: Situation) -> bool:
        in_month = situation.member.birthday_month == situation.local.month
        return self.birthday_month == in_month

    def _time_fits(self, local: datetime) -> bool:
        day = self.window.day_of(local) if self.window else local.date()
        return day is not None and (not self.weekdays or day.isoweekday() in self.weekdays)
