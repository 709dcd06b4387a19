"""Points expiring: some days before their last day, with the exact amount.

What holds keep is not counted, nor what a debt will take: those members are reckoned one by one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

from crm.campaigns.journeys import settings
from crm.campaigns.journeys.definition import (
    Decision,
    Due,
    Journey,
    Settings,
    ahead,
    before_last_day,
)
from crm.campaigns.journeys.due import member
from crm.db import db
from crm.errors import N_
from crm.points import balances

NOTHING = "nothing_expires"
INSTANT = timedelta(microseconds=1)

SQL = f"""
    SELECT l.member_id, 'points_expiring:points_expiring:' || l.member_id || ':' ||
               CAST(l.day + CAST(:ahead AS integer) AS text) AS occasion,
           l.day, l.at, l.late, jsonb_build_object('points', jsonb_build_object(
               'amount', l.points, 'first', rfc3339(l.first), 'last', rfc3339(l.last))) AS facts,
           CAST(l.day + CAST(:ahead AS integer) AS text) AS ref, NULL AS why
    FROM (
        SELECT m.id AS member_id, z.day, z.at, z.late, sum(e.remaining)::bigint AS points,
               min(e.expires_at) AS first, max(e.expires_at) AS last
        FROM (
            SELECT l.member_id, l.expires_at, l.remaining FROM points_lot l
            WHERE l.expires_at >= :first AND l.expires_at < :last AND l.remaining > 0
              AND l.available_at < l.expires_at
        ) e
        {member("e.member_id")} AND e.expires_at >= z.since AND e.expires_at < z.until
        GROUP BY m.id, z.day, z.at, z.late
    ) l
"""  # noqa: S608  # a constant of this module

RECKONED = text("""
    SELECT member_id FROM points_account
    WHERE member_id = ANY (:members) AND (holds > 0 OR debt > 0)
""")


def _decide(rows: Sequence[Due], given: Settings, now: datetime) -> list[Decision]:
    members = [row.member_id for row in rows]
    alone = set(db.session.scalars(RECKONED, {"members": members}))
    found = []
    for row in rows:
        points = _amount(row, now) if row.member_id in alone else row.facts["points"]["amount"]
        if points < given["min_points"]:
            found.append(Decision(reason=NOTHING))
            continue
        last = datetime.fromisoformat(row.facts["points"]["first"]) - INSTANT
        said = {"points": {"amount": points, "expires_on": last.isoformat()}}
        found.append(
            Decision(points=given["points"], coupon=given["coupon_template"], variables=said)
        )
    return found


def _amount(row: Due, now: datetime) -> int:
    """What of the day's lots can still be spent, holds and debts considered."""
    first, last = (datetime.fromisoformat(row.facts["points"][name]) for name in ("first", "last"))
    expiring = balances.balance(row.member_id, now, now=now)["expiring"]
    return sum(one["points"] for one in expiring if first <= one["expires_at"] <= last)


JOURNEY = Journey(
    code="points_expiring",
    name=N_("Points expiring"),
    told=N_("Says how many points lapse, and when, while there is time to use them."),
    schema=settings.PointsExpiring,
    sql=SQL,
    values=ahead,
    offset=before_last_day,
    decide=_decide,
    facts_come_late=True,
    stops_on_case=False,
    priority=150,
)
