"""Who must get what and when, found the obvious way: member by member, day by day, in a loop.

It shares nothing with the program but the words of occasions. It knows when each fact was told; an
occasion is handled when it comes or, if its fact was told later, at the next five minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import obvious_calendar

DAY = timedelta(days=1)
NINE = time(9)
AFTER_SALE_DAYS, COOLDOWN, SILENCE, LATENESS = 3, 14 * DAY, 12, 3
MEMBER_DAY = 8
HOLIDAYS = {"spring": ("lunar", 1, 1), "women": ("solar", 3, 8), "tomb": ("solar", 4, 4)}


@dataclass
class Order:
    """An order as it was told at one instant, and maybe refunded at another."""

    id: str
    paid_at: datetime
    delivered_at: datetime
    told_at: datetime
    refunded_at: datetime | None = None
    whole: bool = False


@dataclass
class Person:
    """A member and all that was told of him. `consents` and `blocks`: (from, value), in order."""

    id: UUID
    zone: str
    calendar: str
    born: tuple[int, int]
    born_told_at: datetime
    orders: list[Order] = field(default_factory=list)
    consents: list[tuple[datetime, bool]] = field(default_factory=list)
    blocks: list[tuple[datetime, bool]] = field(default_factory=list)

    def agrees(self, at: datetime) -> bool:
        """Whether he takes marketing at an instant."""
        return latest(self.consents, at)

    def complains(self, at: datetime) -> bool:
        """Whether he waits for an answer to a complaint."""
        return latest(self.blocks, at)

    def day_of(self, at: datetime) -> date:
        """His day at an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()


class Outcome(NamedTuple):
    """What becomes of an occasion: the member's day, `given` or `skipped`, and why not."""

    day: date
    state: str
    reason: str | None
    at: datetime


def latest(changes: list[tuple[datetime, bool]], at: datetime) -> bool:
    found = False
    for since, value in changes:
        if since <= at:
            found = value
    return found


def handled_at(at: datetime, told_at: datetime) -> datetime:
    """When it comes; or, told afterwards, at the next five minutes."""
    if told_at < at:
        return at
    minute = told_at.replace(minute=told_at.minute // 5 * 5, second=0, microsecond=0)
    return minute + timedelta(minutes=5)


def plan(one: Person, begin: datetime, end: datetime) -> dict[str, Outcome]:
    """Every occasion of a member that is handled within [begin, end], by its words."""
    found: dict[str, Outcome] = {}
    for words, at, told_at, late, judge in sorted(
        occasions(one, begin, end),
        key=lambda item: (handled_at(item[1], item[2]), item[1], item[0]),
    ):
        when = handled_at(at, told_at)
        if words in found or when >= late or when > end or one.day_of(at) < one.day_of(begin):
            continue
        reason = judge(when, at, found)
        if reason == "not due":
            continue
        found[words] = Outcome(one.day_of(at), "skipped" if reason else "given", reason, at)
    return found


def occasions(one: Person, begin: datetime, end: datetime) -> Iterator[tuple]:
    """All that may come: words, instant, when its fact was told, when it is too late, judge."""
    first, last = begin.date() - 2 * DAY, end.date() + 2 * DAY
    yield from birthdays(one, first, last)
    yield from follow_ups(one)
    yield from days_for_all(one, first, last)
    yield from silences(one, first, last)


def birthdays(one: Person, first: date, last: date) -> Iterator[tuple]:
    for day, year in obvious_calendar.birthdays(one.calendar, one.born, first, last):
        come = obvious_calendar.occasion(one.zone, day, year, NINE)
        words = f"birthday:birthday:{one.id}:{year}"
        yield words, come.at, one.born_told_at, come.late, lambda *_: None


def follow_ups(one: Person) -> Iterator[tuple]:
    for order in one.orders:
        day = one.day_of(order.delivered_at) + AFTER_SALE_DAYS * DAY
        come = obvious_calendar.occasion(one.zone, day, 0, NINE, LATENESS)

        def judge(when: datetime, at: datetime, found: dict, order: Order = order) -> str | None:
            if order.refunded_at is not None and order.refunded_at <= when:
                return "order_refunded"
            if one.complains(when):
                return "open_case"
            asked = [
                other.at
                for words, other in found.items()
                if words.startswith("aftersale:") and other.state == "given"
            ]
            return "cooldown" if any(at - before < COOLDOWN for before in asked) else None

        words = f"aftersale:after_sale:{order.id}"
        yield words, come.at, order.told_at, come.late, judge


def days_for_all(one: Person, first: date, last: date) -> Iterator[tuple]:
    def judge(when: datetime, at: datetime, found: dict) -> str | None:
        if one.complains(when):
            return "open_case"
        return None if one.agrees(when) else "opted_out"

    long_ago = datetime.combine(first, NINE, ZoneInfo("UTC")) - 30 * DAY
    day = first
    while day <= last:
        come = obvious_calendar.occasion(one.zone, day, 0, NINE, LATENESS)
        if day.day == MEMBER_DAY:
            words = f"member_day:member_day:{one.id}:{day}"
            yield words, come.at, long_ago, come.late, judge
        for code, (calendar, month, number) in HOLIDAYS.items():
            for _, year in obvious_calendar.birthdays(calendar, (month, number), day, day):
                words = f"holiday:holiday:{one.id}:{code}-{year}"
                yield words, come.at, long_ago, come.late, judge
        day += DAY


def silences(one: Person, first: date, last: date) -> Iterator[tuple]:
    def last_day(when: datetime) -> date | None:
        counted = [
            one.day_of(order.paid_at)
            for order in one.orders
            if order.told_at < when
            and not (order.whole and order.refunded_at and order.refunded_at < when)
        ]
        return max(counted, default=None)

    long_ago = datetime.combine(first, NINE, ZoneInfo("UTC")) - 30 * DAY
    day = first
    while day <= last:
        come = obvious_calendar.occasion(one.zone, day, 0, NINE, LATENESS)

        def judge(when: datetime, at: datetime, found: dict, day: date = day) -> str | None:
            if last_day(when) != day - SILENCE * DAY:
                return "not due"
            if one.complains(when):
                return "open_case"
            return None if one.agrees(when) else "opted_out"

        words = f"win_back:win_back:{one.id}:{day - SILENCE * DAY}"
        yield words, come.at, long_ago, come.late, judge
        day += DAY
