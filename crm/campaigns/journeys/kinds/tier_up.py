"""Tier up: a member who rose hears it at once, and what the tier brings."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

from sqlalchemy import text

from crm.campaigns.journeys import settings
from crm.campaigns.journeys.definition import Decision, Due, Journey, Settings
from crm.campaigns.journeys.due import member
from crm.campaigns.journeys.moments import Moment
from crm.campaigns.journeys.tier_values import names
from crm.db import as_rows, db
from crm.errors import N_
from crm.members.tiers import ladders

NOT_HELD, HIGHER = "no_longer_due", "superseded"

SQL = f"""
    SELECT m.id AS member_id, 'tier_up:tier_up:' || m.id || ':' || c.id AS occasion, z.day,
           c.at, z.late, jsonb_build_object('from', c.from_tier, 'to', c.to_tier) AS facts,
           c.to_tier AS ref,
           CASE WHEN h.rank < t.rank THEN 'no_longer_due' END AS why
    FROM tier_change c
    JOIN json_to_recordset(CAST(:rungs AS json)) AS f (code text, rank integer)
        ON f.code = c.from_tier
    JOIN json_to_recordset(CAST(:rungs AS json)) AS t (code text, rank integer)
        ON t.code = c.to_tier AND t.rank > f.rank
    JOIN tier_standing s ON s.member_id = c.member_id
    JOIN json_to_recordset(CAST(:rungs AS json)) AS h (code text, rank integer) ON h.code = s.held
    {member("c.member_id")} AND c.at >= z.since AND c.at < z.until
    WHERE c.from_tier IS NOT NULL AND c.at <= :now AND c.at >= :first AND c.at < :last
      AND c.cause <> 'merge'
"""  # noqa: S608  # a constant of this module

UNTIL = text("SELECT member_id, valid_until FROM tier_standing WHERE member_id = ANY (:members)")


def _at_once(given: Settings) -> time | None:
    return None


def _values(given: Settings, moments: Sequence[Moment], now: datetime) -> Mapping[str, Any]:
    ladder = ladders.load().at(now)
    codes = [*ladder.ranks, *ladder.vanished]
    return {
        "rungs": as_rows([{"code": code, "rank": ladder.rank(code)} for code in codes]),
    }


def _decide(rows: Sequence[Due], given: Settings, now: datetime) -> list[Decision]:
    """Of several steps at once only the highest counts."""
    ladder = ladders.load().at(now)
    last = {row.member_id: row.occasion for row in rows}  # the latest of each member
    ids = list(last)
    until = {row.member_id: row.valid_until for row in db.session.execute(UNTIL, {"members": ids})}
    found = []
    for row in rows:
        if last[row.member_id] != row.occasion:
            found.append(Decision(reason=HIGHER))
            continue
        tier, before = ladder.tier(row.facts["to"]), ladder.tier(row.facts["from"])
        said: dict[str, Any] = {"name": names(tier), "previous": names(before)}
        if until.get(row.member_id) is not None:
            said["until"] = (until[row.member_id] - settings.INSTANT).isoformat()
        found.append(
            Decision(
                points=given["points"], coupon=given["coupon_template"], variables={"tier": said}
            )
        )
    return found


JOURNEY = Journey(
    code="tier_up",
    name=N_("Tier up"),
    told=N_("Congratulates members who rose, at once."),
    schema=settings.TierUp,
    sql=SQL,
    values=_values,
    hour=_at_once,
    decide=_decide,
    facts_come_late=True,
    must_be_told=False,
    stops_on_case=False,
    priority=250,
)
