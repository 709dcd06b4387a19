"""Standings and their history in the database: read set-based, a statement each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.i18n import locale
from crm.members.tiers import engine, ladders
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.standing import Change, Layer, Standing
from crm.members.tiers.writing import begin_many, save_many

__all__ = [
    "Shown",
    "begin_many",
    "due",
    "earliest_due",
    "history",
    "ladder_at",
    "ladder_version",
    "members_per_tier",
    "on_older_ladder",
    "save_many",
    "shown",
    "shown_many",
    "standings",
]

READ = """
    SELECT member_id, tier, since, valid_until, won_by, beneath, grace_until,
           floor, floor_since, floor_until, floor_reason, reviewed_at, ladder_version
    FROM tier_standing WHERE member_id = ANY (:ids)
"""

# The expression of the index ix_tier_standing_due.
DUE = text("""
    SELECT member_id FROM tier_standing
    WHERE LEAST(COALESCE(grace_until, valid_until), floor_until) <= :now AND member_id > :after
    ORDER BY member_id LIMIT :limit
""")

EARLIEST_DUE = text("""
    SELECT min(LEAST(COALESCE(grace_until, valid_until), floor_until)) FROM tier_standing
    WHERE LEAST(COALESCE(grace_until, valid_until), floor_until) IS NOT NULL
""")

ON_OTHER_LADDER = text("""
    SELECT member_id FROM tier_standing
    WHERE ladder_version <> :version AND member_id > :after ORDER BY member_id LIMIT :limit
""")

HISTORY = text("""
    SELECT at, from_tier, to_tier, cause, earned, order_id FROM tier_change
    WHERE member_id = :member_id ORDER BY at DESC, id DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Shown:
    """The tier a member holds, for display; `name` in the reader's language, `rank` 0 lowest."""

    code: str
    name: str
    rank: int
    since: datetime
    valid_until: datetime | None


def ladder_at(at: datetime) -> Ladder:
    """The ladder in force at an instant. At most one tiny statement per transaction."""
    return ladders.load().at(at)


def ladder_version(version: int) -> Ladder:
    """The ladder of one version, which exists."""
    return ladders.load().version(version)


def standings(ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, Standing]:
    """The standings of these members; locked until the transaction ends, ascending by id."""
    wanted = list(ids)
    if not wanted:
        return {}
    order = " ORDER BY member_id FOR NO KEY UPDATE" if lock else ""
    rows = db.session.execute(text(READ + order), {"ids": wanted})
    return {row[0]: _standing(row) for row in rows}


def _standing(row: Any) -> Standing:
    _, tier, since, valid_until, won_by, beneath, *rest = row
    return Standing(tier, since, valid_until, won_by, tuple(map(_layer, beneath)), *rest)


def _layer(saved: dict[str, Any]) -> Layer:
    until, won_by = saved["valid_until"], saved["won_by"]
    return Layer(
        saved["tier"],
        datetime.fromisoformat(saved["since"]),
        datetime.fromisoformat(until) if until else None,
        UUID(won_by) if won_by else None,
    )


def shown_many(ids: Iterable[UUID], now: datetime) -> dict[UUID, Shown]:
    """What these members hold at `now`, as far as it has been decided."""
    ladder = ladder_at(now)
    return {one: shown(standing, ladder, now) for one, standing in standings(ids).items()}


def shown(standing: Standing, ladder: Ladder, now: datetime) -> Shown:
    """The tier held at `now`: since when, and until when (exclusive; None: no end)."""
    rank = ladder.rank(engine.held(standing, ladder, now))
    tier = ladder.tiers[rank]
    name = tier.name(locale())
    if rank == ladder.rank(standing.tier):
        return Shown(tier.code, name, rank, standing.since, standing.valid_until)
    since = standing.floor_since or standing.since
    return Shown(tier.code, name, rank, since, standing.floor_until)


def history(member_id: UUID, limit: int = 20) -> list[Change]:
    """A member's last changes, the newest first."""
    rows = db.session.execute(HISTORY, {"member_id": member_id, "limit": limit})
    return [Change(*row) for row in rows]


def members_per_tier() -> dict[str, int]:
    """How many members hold each tier."""
    rows = db.session.execute(text("SELECT held, count(*) FROM tier_standing GROUP BY held"))
    return {row[0]: row[1] for row in rows}


def due(now: datetime, limit: int, after: UUID | None = None) -> list[UUID]:
    """Members for whom a period, a grace or a floor ended by `now`, ascending by id."""
    values = {"now": now, "after": after or UUID(int=0), "limit": limit}
    return list(db.session.scalars(DUE, values))


def earliest_due(now: datetime) -> datetime | None:
    """When the next period, grace or floor ends; maybe before `now`, if no job has run it yet."""
    return db.session.scalar(EARLIEST_DUE)


def on_older_ladder(version: int, limit: int, after: UUID | None = None) -> list[UUID]:
    """Members who stand on another version of the ladder than this, ascending by id."""
    values = {"version": version, "after": after or UUID(int=0), "limit": limit}
    return list(db.session.scalars(ON_OTHER_LADDER, values))
