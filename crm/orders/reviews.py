"""Tiers that time or a new ladder moves; this room knows what the members did."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members import profiles
from crm.members.profiles import MemberFacts
from crm.members.tiers import engine, writing
from crm.members.tiers import storage as tiers
from crm.members.tiers.reviews import advance
from crm.members.tiers.standing import Change, Standing
from crm.orders.earnings import zone_of
from crm.orders.standing import Purchases, activities
from crm.points import rulebook

Outcome = tuple[Standing, list[Change]]


def review(ids: list[UUID], now: datetime) -> None:
    """Run what fell due for these members until `now`."""
    ladder = tiers.ladder_at(now)

    def judge(standing: Standing, activity: Purchases, facts: MemberFacts) -> Outcome:
        return advance(standing, ladder, activity, now, zone_of(facts.zone), facts.created_at)

    _judge(ids, judge, now)


def change_ladder(ids: list[UUID], now: datetime) -> None:
    """Bring these members onto the ladder in force."""
    new = tiers.ladder_at(now)

    def judge(standing: Standing, activity: Purchases, facts: MemberFacts) -> Outcome:
        old = tiers.ladder_version(standing.ladder_version)
        return engine.on_ladder_change(
            standing, old, new, activity, now, zone_of(facts.zone), facts.created_at
        )

    _judge(ids, judge, now)


def lift(ids: list[UUID], now: datetime) -> None:
    """Let points that were awarded count: who qualifies by them rises."""
    ladder = tiers.ladder_at(now)

    def judge(standing: Standing, activity: Purchases, facts: MemberFacts) -> Outcome:
        zone = zone_of(facts.zone)
        return engine.on_order(standing, ladder, activity, now, None, zone, facts.created_at)

    _judge(ids, judge, now)


def awarded(now: datetime, limit: int, after: UUID | None) -> list[UUID]:
    """Members who got awards within the last hour, if the ladder counts points at all."""
    if not tiers.ladder_at(now).counts("points_earned"):
        return []
    found = db.session.scalars(
        text("""
            SELECT DISTINCT member_id FROM points_entry
            WHERE recorded_at > clock_timestamp() - interval '1 hour' AND kind = 'award'
              AND member_id > :after
            ORDER BY member_id LIMIT :limit
        """),
        {"after": after or UUID(int=0), "limit": limit},
    )
    return list(found)


def _judge(
    ids: list[UUID],
    judge: Callable[[Standing, Purchases, MemberFacts], Outcome],
    now: datetime,
) -> None:
    if not ids:
        return
    zone = rulebook.load().programme_at(now).timezone
    facts = profiles.facts(ids, default_zone=zone)
    done = activities(ids)
    standings = tiers.standings(ids, lock=True)
    moved = []
    for one in facts:  # those who are still members
        standing, changes = judge(standings[one], done[one], facts[one])
        if standing is not standings[one]:
            moved.append((one, standing, changes))
    writing.save_many(moved, now)
