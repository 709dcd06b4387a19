"""Welcome: a word and maybe a gift for who has joined."""

from datetime import time

from crm.campaigns.journeys import settings
from crm.campaigns.journeys.definition import Journey, Settings
from crm.campaigns.journeys.due import MEMBERS
from crm.errors import N_

SQL = f"""
    SELECT m.id AS member_id, 'welcome:welcome:' || m.id AS occasion, z.day,
           CASE WHEN :at_once THEN m.created_at ELSE z.at END AS at, z.late,
           CAST('{{}}' AS jsonb) AS facts, NULL AS ref, NULL AS why
    FROM {MEMBERS} AND m.created_at >= z.since AND m.created_at < z.until
    WHERE m.status = 'active' AND m.created_at <= :now
      AND m.created_at >= :first AND m.created_at < :last
"""  # noqa: S608  # a constant of this module


def _hour(given: Settings) -> time | None:
    return given["send_at"] if given["days_after"] else None


def _offset(given: Settings) -> int:
    return given["days_after"]


def _values(given: Settings, moments, now):
    return {
        "at_once": not given["days_after"],
    }


JOURNEY = Journey(
    code="welcome",
    name=N_("Welcome"),
    told=N_("Greets who has joined, at once or some days later."),
    schema=settings.Welcome,
    sql=SQL,
    values=_values,
    offset=_offset,
    hour=_hour,
    facts_come_late=True,
    must_be_told=False,
    stops_on_case=False,
    priority=200,
)
