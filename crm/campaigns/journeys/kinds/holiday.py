"""Holiday greeting: to all members on days of the solar or the lunar year."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.campaigns.journeys import settings
from crm.campaigns.journeys.definition import Journey, Settings
from crm.campaigns.journeys.due import MEMBERS
from crm.campaigns.journeys.moments import Moment
from crm.db import as_rows
from crm.errors import N_
from crm.members.birthdays import celebrated_on

SQL = f"""
    SELECT m.id AS member_id, 'holiday:holiday:' || m.id || ':' || h.ref AS occasion, z.day,
           z.at, z.late, h.facts, h.ref, NULL AS why
    FROM {MEMBERS}
    JOIN json_to_recordset(CAST(:holidays AS json)) AS h ("on" date, ref text, facts jsonb)
        ON h."on" = z.day
    WHERE m.status = 'active' AND m.created_at <= z.at
"""  # noqa: S608  # a constant of this module


def _values(given: Settings, moments: Sequence[Moment], now: datetime) -> Mapping[str, Any] | None:
    rows = []
    for day in sorted({one.day for one in moments}):
        dates = {(one.calendar, one.month, one.day): one.year for one in celebrated_on(day)}
        for one in given["holidays"]:
            year = dates.get((one["calendar"], one["month"], one["day"]))
            if year is not None:
                facts = {"event": {"name": one["name"], "day": day}}
                rows.append({"on": day, "ref": f"{one['code']}-{year}", "facts": facts})
    return {"holidays": as_rows(rows)} if rows else None


JOURNEY = Journey(
    code="holiday",
    name=N_("Holiday greeting"),
    told=N_("Greets all members on holidays, lunar ones too."),
    schema=settings.Holiday,
    sql=SQL,
    values=_values,
    for_all=True,
)
