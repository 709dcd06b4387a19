"""A member's points on the member page: figures, the line of the balance, lots, entries."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import accumulate, islice
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.console import charts, formats, ledger_words
from crm.console.words import say
from crm.db import db
from crm.errors import N_, NN_
from crm.points import balances
from crm.points.programme_settings import Programme

YEAR = timedelta(days=365)
SOON = timedelta(days=30)
READ, SHOWN, LOTS = 200, 10, 8
AVAILABLE = text("""
    SELECT m.id, greatest(points_spendable(m.id, :at) - coalesce(a.debt, 0), 0) AS points
    FROM unnest(CAST(:ids AS uuid[])) AS m (id)
    LEFT JOIN points_account a ON a.member_id = m.id
""")


def figures(member_id: UUID, settings: Programme, now: datetime) -> dict[str, Any]:
    """Available, pending, expiring within 30 days, debt, and what the available are worth."""
    found = balances.balance(member_id, now, now=now)
    soon = sum(row["points"] for row in found["expiring"] if row["expires_at"] <= now + SOON)
    return {
        "available": found["available"],
        "pending": found["pending"],
        "expiring": soon,
        "debt": found["debt"],
        "worth": _worth(found["available"], settings),
    }


def _worth(points: int, settings: Programme) -> str:
    rate = settings.redemption
    steps = points // rate.points_per_step
    if not steps or steps * rate.points_per_step < rate.min_points:
        return ""
    value = formats.money(steps * rate.value_per_step, settings.currency)
    return say(N_("worth {value}"), value=value)


def ledger(member_id: UUID, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """The newest entries, the open lots, and the balance's line."""
    today = now.astimezone(zone).date()
    found = balances.entries(member_id, READ, None)
    rows, lots = found["data"], balances.open_lots(member_id, now=now, limit=LOTS)
    numbers = ledger_words.order_numbers(
        (row["source"]["type"], row["source"]["id"]) for row in rows[:SHOWN]
    )
    return {
        "entries": [ledger_words.entry(row, numbers, zone, today) for row in rows[:SHOWN]],
        "lots": [ledger_words.lot(row, now, zone) for row in lots],
        "chart": _chart(rows, now, zone),
    }


def _chart(rows: list[dict[str, Any]], now: datetime, zone: tzinfo) -> dict[str, Any] | None:
    """The balance over the last year, or as far back as the entries read reach.

    Summed in the order in which things happened, which late orders make another than that of the
    entries.
    """
    if len(rows) < 2:
        return None
    happened = sorted((datetime.fromisoformat(row["occurred_at"]), row["points"]) for row in rows)
    start = max(happened[0][0], now - YEAR)
    balance = rows[-1]["balance_after"] - rows[-1]["points"]
    opening = balance + sum(points for at, points in happened if at < start)
    recent = [(at, points) for at, points in happened if start <= at <= now]
    values = accumulate((points for _, points in recent), initial=opening)
    changes = list(zip((at for at, _ in recent), islice(values, 1, None), strict=True))
    since = formats.month(start.astimezone(zone).date(), now.astimezone(zone).date())
    title = NN_(
        "The balance went from {first} point in {since} to {last} today",
        "The balance went from {first} points in {since} to {last} today",
        "first",
    )
    last = changes[-1][1] if changes else opening
    return {
        "drawing": charts.steps(changes, start, now, opening),
        "title": say(title, first=formats.number(opening), since=since, last=formats.number(last)),
        "since": since,
    }


def available(ids: Sequence[UUID], at: datetime) -> dict[UUID, int]:
    """What these members can spend at an instant; one statement."""
    rows = db.session.execute(AVAILABLE, {"ids": list(ids), "at": at})
    return {row.id: row.points for row in rows}
