"""The running balance over time: the line, and the table of the same numbers beneath it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any

from crm.console import charts, formats
from crm.console.words import say
from crm.errors import NN_
from crm.points.browsing import Day

MOST_DAYS = 62
WIDTH, HEIGHT = 420, 120
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """A day or a month: what came in and went out, and the balance at its end."""

    last: date
    gained: int
    lost: int
    balance: int


def chart(days: Sequence[Day], now: datetime, zone: tzinfo) -> dict[str, Any] | None:
    """The drawing and its table, by day; by month when there are too many days to read."""
    if not days:
        return None
    daily = len(days) <= MOST_DAYS
    periods = _periods(days, daily)
    start = datetime(*days[0].day.timetuple()[:3], tzinfo=zone)
    changes = [(min(_end(item.last, zone), now), item.balance) for item in periods]
    drawing = charts.steps(changes, start, now, 0, width=WIDTH, height=HEIGHT)
    today, last = now.astimezone(zone).date(), periods[-1].balance
    since = formats.day(days[0].day, today)
    title = NN_(
        "The balance went from {first} point in {since} to {last} today",
        "The balance went from {first} points in {since} to {last} today",
        "first",
    )
    shown = formats.number(last)
    return {
        "drawing": drawing,
        "title": say(title, first=formats.number(0), since=since, last=shown),
        "since": since,
        "rows": [_row(item, daily, today) for item in reversed(periods)],
    }


def _periods(days: Sequence[Day], daily: bool) -> list[Period]:
    found, balance = [], 0
    for key, group in groupby(
        days, key=lambda item: item.day if daily else item.day.replace(day=1)
    ):
        rows = list(group)
        gained, lost = sum(row.gained for row in rows), sum(row.lost for row in rows)
        balance += gained - lost
        found.append(Period(key if daily else _month_end(key), gained, lost, balance))
    return found


def _month_end(first: date) -> date:
    return (first + 31 * DAY).replace(day=1) - DAY


def _end(day: date, zone: tzinfo) -> datetime:
    return datetime(*(day + DAY).timetuple()[:3], tzinfo=zone)


def _row(item: Period, daily: bool, today: date) -> dict[str, Any]:
    when = item.last.isoformat() if daily else formats.month(item.last, today)
    return {"when": when, "gained": item.gained, "lost": item.lost, "balance": item.balance}
