"""The rules of tiers: what an order, a refund, a new ladder or a member of staff changes.

Pure and deterministic. Every function takes a standing and returns the next one with the changes
that led there, oldest first; what it returns is the same object when nothing changed.
"""

from dataclasses import replace
from datetime import datetime, tzinfo
from uuid import UUID

from crm.members.tiers.days import local_day
from crm.members.tiers.floors import UnknownTier, clear_floor, set_floor
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.refunds import best_at, layer_of, on_refund
from crm.members.tiers.reviews import Case, advance, held, step
from crm.members.tiers.standing import Activity, Change, Standing
from crm.members.tiers.windows import period_end, window_start

__all__ = [
    "UnknownTier",
    "advance",
    "clear_floor",
    "first",
    "held",
    "on_ladder_change",
    "on_order",
    "on_refund",
    "set_floor",
    "window_start",
]

Outcome = tuple[Standing, list[Change]]


def first(ladder: Ladder, at: datetime) -> Outcome:
    """The standing of a member who joins: the lowest tier, without an end."""
    code = ladder.tiers[0].code
    standing = Standing(code, since=at, reviewed_at=at, ladder_version=ladder.version)
    return standing, [Change(at, None, code, "first", code)]


def on_order(
    standing: Standing,
    ladder: Ladder,
    activity: Activity,
    at: datetime,
    order_id: UUID | None,
    zone: tzinfo,
    joined_at: datetime,
    *,
    now: datetime | None = None,
) -> Outcome:
    """An order (or points: `order_id` None) came to count at `at`; the activity has it already.

    Rises at once to the highest tier that qualifies. An order that comes late is judged at the
    last decision; with `now` given, also as of now, since others may have come between. That never
    runs ahead to ends that lie between: more of the past may be on its way (an import).
    """
    standing, changes = advance(standing, ladder, activity, at, zone, joined_at)
    case = Case(ladder, activity, zone, joined_at)
    standing = _rise(standing, case, at, "upgrade", order_id, changes)
    if now is not None and now > at and (standing.due_at is None or standing.due_at > now):
        standing = _rise(standing, case, now, "upgrade", order_id, changes)
    return standing, changes


def _rise(
    standing: Standing,
    case: Case,
    at: datetime,
    cause: str,
    order_id: UUID | None,
    changes: list[Change],
) -> Standing:
    ladder, rank = case.ladder, case.ladder.rank(standing.tier)
    if rank == ladder.top:
        return standing
    at = standing.decided_at(at)
    best = best_at(case, at)
    if best <= rank:
        return standing
    after = replace(
        standing,
        tier=ladder.tiers[best].code,
        since=at,
        valid_until=period_end(local_day(at, case.zone), ladder.validity_months, case.zone),
        won_by=order_id,
        beneath=(*standing.beneath, layer_of(standing)),
        grace_until=None,
        reviewed_at=at,
    )
    changes.append(step(standing, after, ladder, at, cause, order_id))
    return after


def on_ladder_change(
    standing: Standing,
    old: Ladder,
    new: Ladder,
    activity: Activity,
    at: datetime,
    zone: tzinfo,
    joined_at: datetime,
) -> Outcome:
    """The ladder is replaced at `at`: rises at once, falls only at the end of the period.

    What fell due before is judged by the old ladder. Who stands on a code that is gone goes to its
    heir (`Ladder.after`).
    """
    changes: list[Change] = []
    known = old if standing.ladder_version == old.version else None
    if known:
        standing, changes = advance(standing, old, activity, at, zone, joined_at)
    standing, more = advance(standing, new, activity, at, zone, joined_at, old=known)
    changes += more
    case = Case(new, activity, zone, joined_at)
    return _rise(standing, case, at, "ladder", None, changes), changes
