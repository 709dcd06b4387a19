"""Win-back: a member who has not bought for so many days hears from the shop, once per silence.

As things stood at its hour: a refund that comes later makes no silence of days gone by.
"""

from crm.campaigns.journeys import settings
from crm.campaigns.journeys.definition import Journey, Settings
from crm.campaigns.journeys.due import MEMBERS
from crm.errors import N_

SQL = f"""
    SELECT m.id AS member_id, 'win_back:win_back:' || m.id || ':' || p.last_day AS occasion, z.day,
           z.at, z.late, jsonb_build_object('product', jsonb_build_object(
               'last_bought_on', p.last_day)) AS facts,
           CAST(p.last_day AS text) AS ref, NULL AS why
    FROM {MEMBERS}
    JOIN purchase_summary p ON p.member_id = m.id AND p.last_day = z.day - CAST(:days AS integer)
    WHERE m.status = 'active' AND p.updated_at <= z.at
"""  # noqa: S608  # a constant of this module


def _values(given: Settings, moments, now):
    return {"days": given["days"]}


JOURNEY = Journey(
    code="win_back",
    name=N_("Win-back"),
    told=N_("Writes to members who have not bought for a while."),
    schema=settings.WinBack,
    sql=SQL,
    values=_values,
    priority=50,
)
