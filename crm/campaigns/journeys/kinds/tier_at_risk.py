"""Tier at risk: some days before its last day, who would lose his tier hears what keeps it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

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
from crm.campaigns.journeys.moments import zone_of
from crm.campaigns.journeys.tier_values import missing, names
from crm.errors import N_
from crm.members import profiles
from crm.members.tiers import storage
from crm.members.tiers.progress import Progress, progress
from crm.orders.standing import activities
from crm.points import rulebook

KEPT = "will_be_kept"

SQL = f"""
    SELECT m.id AS member_id, 'tier_at_risk:tier_at_risk:' || m.id || ':' ||
               CAST(z.day + CAST(:ahead AS integer) AS text) AS occasion, z.day, z.at, z.late,
           CAST('{{}}' AS jsonb) AS facts, s.tier AS ref, NULL AS why
    FROM tier_standing s
    {member("s.member_id")} AND s.valid_until >= z.since AND s.valid_until < z.until
    WHERE s.valid_until >= :first AND s.valid_until < :last AND s.grace_until IS NULL
"""  # noqa: S608  # a constant of this module


def _decide(rows: Sequence[Due], given: Settings, now: datetime) -> list[Decision]:
    ladder = storage.ladder_at(now)
    found = []
    stands = _progress([row.member_id for row in rows], now)
    for row in rows:
        stand = stands.get(row.member_id)
        if stand is None or stand.expected is None or stand.keep is None or (
            ladder.rank(stand.expected) >= ladder.rank(stand.tier)
        ):  # fmt: skip
            found.append(Decision(reason=KEPT))
            continue
        ends = stand.standing.valid_until
        said: dict[str, Any] = {
            "name": names(ladder.tier(stand.tier)),
            "missing": missing(stand.keep, now),
        }
        if ends is not None:
            said["until"] = (ends - settings.INSTANT).isoformat()
        found.append(
            Decision(
                points=given["points"], coupon=given["coupon_template"], variables={"tier": said}
            )
        )
    return found


def _progress(ids: Sequence[UUID], now: datetime) -> dict[UUID, Progress]:
    """How these members stand, four statements in all."""
    ladder = storage.ladder_at(now)
    zone = rulebook.load().programme_at(now).timezone
    facts = profiles.facts(ids, default_zone=zone)
    done, standings = activities(ids), storage.standings(ids)
    return {
        one: progress(standings[one], ladder, done[one], now, zone_of(fact.zone), fact.created_at)
        for one, fact in facts.items()
    }


JOURNEY = Journey(
    code="tier_at_risk",
    name=N_("Tier at risk"),
    told=N_("Tells members what keeps a tier that they would lose."),
    schema=settings.TierAtRisk,
    sql=SQL,
    values=ahead,
    offset=before_last_day,
    decide=_decide,
    facts_come_late=True,
    priority=120,
)
