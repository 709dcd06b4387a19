"""Tiers of two records of one person: joined by what both did, parted by what each did.

A merge never costs a tier: the better of the two standings lives on to its end, with its own period
and its own fall-backs, and rises at once when the joined activity qualifies for more.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db
from crm.members import profiles
from crm.members.tiers import engine, writing
from crm.members.tiers import storage as tiers
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.standing import Change, Standing
from crm.orders import reviews
from crm.orders.earnings import zone_of
from crm.orders.standing import activities
from crm.points import rulebook

FLOOR = ("floor", "floor_since", "floor_until", "floor_reason")
READ = text("SELECT to_jsonb(t) FROM tier_standing t WHERE member_id = ANY (:ids)")
FORGET = text("DELETE FROM tier_standing WHERE member_id = ANY (:ids)")
RESTORE = text("""
    INSERT INTO tier_standing
    SELECT * FROM json_populate_recordset(NULL::tier_standing, CAST(:rows AS json))
""")


def settle(gone: UUID, into: UUID, now: datetime) -> None:
    """Run what fell due for both until now, each by what he did himself. Locks both standings."""
    reviews.review([gone, into], now)


def join(gone: UUID, into: UUID, now: datetime) -> dict[str, Any]:
    """Give `into` the better standing, judged by the joined activity. Returns what an undo needs.

    The orders have moved already.
    """
    found = tiers.standings([gone, into], lock=True)
    before = list(db.session.scalars(READ, {"ids": [gone, into]}))
    ladder, mine, theirs = tiers.ladder_at(now), found[into], found[gone]
    best = max((mine, theirs), key=lambda one: _worth(one.tier, one.valid_until, ladder, now))
    joined = _with_floor(best, _floor(_better_floor(mine, theirs, ladder, now)))
    changes = _step(mine, joined, ladder, now)
    after, more = _risen(into, joined, ladder, now)
    db.session.execute(FORGET, {"ids": [gone]})
    writing.save_many([(into, after, changes + more)], now)
    return {"before": before, "tier": after.tier}


def part(gone: UUID, into: UUID, moved: dict[str, Any], now: datetime) -> None:
    """Give both the standing they had, and let each follow what he did himself since then.

    A floor that staff set while they were one stays with `into`. The orders went back already.
    """
    one = tiers.standings([into], lock=True)[into]
    db.session.execute(FORGET, {"ids": [gone, into]})
    db.session.execute(RESTORE, {"rows": as_rows(moved["before"])})
    found, ladder = tiers.standings([gone, into], lock=True), tiers.ladder_at(now)
    mine = found[into]
    joined = _floor(_better_floor(mine, found[gone], ladder, now))
    if _floor(one) != joined:
        mine = _with_floor(mine, _floor(one))
    saved = []
    for member_id, standing, shown in ((gone, found[gone], found[gone]), (into, mine, one)):
        after, _ = _risen(member_id, standing, ladder, now)
        saved.append((member_id, after, _step(shown, after, ladder, now)))
    writing.save_many(saved, now)


def _risen(member_id: UUID, standing: Standing, ladder: Ladder, now: datetime) -> engine.Outcome:
    zone = rulebook.load().programme_at(now).timezone
    facts = profiles.require_facts(member_id, default_zone=zone)
    done = activities([member_id])[member_id]
    return engine.on_order(standing, ladder, done, now, None, zone_of(facts.zone), facts.created_at)


def _step(before: Standing, after: Standing, ladder: Ladder, now: datetime) -> list[Change]:
    was, is_now = (engine.held(one, ladder, now) for one in (before, after))
    if (was, before.tier) == (is_now, after.tier):
        return []
    return [Change(now, was, is_now, "merge", after.tier)]


def _worth(
    code: str | None, until: datetime | None, ladder: Ladder, now: datetime
) -> tuple[int, bool, datetime]:
    """What is the better tier: the higher; of equals the one that lasts longer."""
    rank = -1 if code is None else ladder.rank(ladder.resolve(code))
    return rank, until is None, until or now


def _better_floor(mine: Standing, theirs: Standing, ladder: Ladder, now: datetime) -> Standing:
    return max((mine, theirs), key=lambda one: _worth(one.floor, one.floor_until, ladder, now))


def _floor(standing: Standing) -> dict[str, Any]:
    return {name: getattr(standing, name) for name in FLOOR}


def _with_floor(standing: Standing, floor: dict[str, Any]) -> Standing:
    return replace(standing, **floor)
