"""How happy members are: averages and response rates by store and month of asking.

Asked: surveys whose message went out (or that have none), in the month in which they were opened,
by the programme's clock. Response rate: answered ÷ asked. Average: the mean rating of the answers.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from crm.db import db
from crm.errors import N_, FieldError, Invalid

MOST_MONTHS, USUAL_MONTHS = 36, 12
YEARS = (1970, 2200)
BAD_MONTHS = N_("Choose at most {most} months, the first before the last.")
NOT_SENT = ("waiting", "sending", "failed", "suppressed", "cancelled", "holdout")

# A survey has the occasion of the message that asks. One that was answered was asked, whatever the
# message's state says.
FIGURES = text("""
    SELECT date_trunc('month', s.opened_at AT TIME ZONE CAST(:zone AS text))::date AS month,
           o.store, count(*) AS asked, count(s.rating) AS answered,
           coalesce(sum(s.rating), 0) AS sum,
           count(*) FILTER (WHERE s.rating = 1) AS r1, count(*) FILTER (WHERE s.rating = 2) AS r2,
           count(*) FILTER (WHERE s.rating = 3) AS r3, count(*) FILTER (WHERE s.rating = 4) AS r4,
           count(*) FILTER (WHERE s.rating = 5) AS r5, count(s.case_id) AS cases
    FROM survey s
    LEFT JOIN orders o ON o.id = s.order_id
    LEFT JOIN message m ON m.occasion_key = message_occasion_key(s.occasion)
    WHERE s.opened_at >= :start AND s.opened_at < :end
      AND (CAST(:store AS text) IS NULL OR o.store = CAST(:store AS text))
      AND (CAST(:journey AS text) IS NULL OR s.journey = CAST(:journey AS text))
      AND (s.rating IS NOT NULL OR m.state IS NULL OR m.state <> ALL (:not_sent))
    GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST
""")


def summary(
    first: date, last: date, zone: ZoneInfo, *, store: str | None = None, journey: str | None = None
) -> dict[str, Any]:
    """The figures of the months `first` to `last` (any day of them), one row per store and month,
    per month, and over all of it. `average` is None where nobody answered."""
    start, end = _month(first), _month(_month(last) + timedelta(days=32))
    values = {
        "zone": str(zone),
        "start": _midnight(start, zone),
        "end": _midnight(end, zone),
        "store": store,
        "journey": journey,
        "not_sent": list(NOT_SENT),
    }
    rows = [dict(row) for row in db.session.execute(FIGURES, values).mappings()]
    months = sorted({row["month"] for row in rows})
    return {
        "from": start,
        "to": end - timedelta(days=1),
        "data": [_told([row]) | {"month": row["month"], "store": row["store"]} for row in rows],
        "months": [
            _told([row for row in rows if row["month"] == month]) | {"month": month}
            for month in months
        ],
        "total": _told(rows),
    }


def _told(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = ("asked", "answered", "sum")
    asked, answered, total = (sum(row[name] for row in rows) for name in names)
    return {
        "asked": asked,
        "answered": answered,
        "response_rate": round(answered / asked, 4) if asked else None,
        "average": round(total / answered, 2) if answered else None,
        "ratings": [sum(row[f"r{n}"] for row in rows) for n in range(1, 6)],
        "cases": sum(row["cases"] for row in rows),
    }


def _month(day: date) -> date:
    return day.replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def months(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """A day of the first and of the last month to tell of: up to `today`, twelve of them, unless
    said otherwise. Raises `Invalid` for more than `MOST_MONTHS`, or none."""
    last = last or today
    if first is None:
        first = _earlier(last, USUAL_MONTHS - 1)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    if not (1 <= count <= MOST_MONTHS and first.year >= YEARS[0] and last.year <= YEARS[1]):
        raise Invalid([FieldError("/to", "bad_months", BAD_MONTHS, {"most": MOST_MONTHS})])
    return first, last


def _earlier(day: date, count: int) -> date:
    """The first day of the month `count` months before that of `day`, in year 1 at the earliest."""
    number = max(day.year * 12 + day.month - 1 - count, 12)
    return date(number // 12, number % 12 + 1, 1)
