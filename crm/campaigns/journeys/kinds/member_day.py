"""Member day: on fixed days of every month all members hear of what there is for them."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from crm.campaigns.journeys import settings
from crm.campaigns.journeys.definition import Journey, Settings
from crm.campaigns.journeys.due import MEMBERS
from crm.campaigns.journeys.moments import Moment
from crm.errors import N_

SQL = f"""
    SELECT m.id AS member_id, 'member_day:member_day:' || m.id || ':' || z.day AS occasion, z.day,
           z.at, z.late, jsonb_build_object('event', jsonb_build_object('day', z.day)) AS facts,
           CAST(z.day AS text) AS ref, NULL AS why
    FROM {MEMBERS} AND z.day = ANY (CAST(:member_days AS date[]))
    WHERE m.status = 'active' AND m.created_at <= z.at
"""  # noqa: S608  # a constant of this module


def is_member_day(given: Settings, day: date) -> bool:
    """Whether a day is one; a number that the month lacks is its last day."""
    length = monthrange(day.year, day.month)[1]
    return day.day in {min(one, length) for one in given["days_of_month"]}


def _values(given: Settings, moments: Sequence[Moment], now: datetime) -> Mapping[str, Any] | None:
    days = sorted({one.day for one in moments if is_member_day(given, one.day)})
    return {"member_days": days} if days else None


JOURNEY = Journey(
    code="member_day",
    name=N_("Member day"),
    told=N_("Invites all members on fixed days of every month."),
    schema=settings.MemberDay,
    sql=SQL,
    values=_values,
    for_all=True,
)
