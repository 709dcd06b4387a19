"""The rules of tiers: what an order, a refund, a new ladder or a member of staff changes.

Pure and deterministic. Every function takes a standing and returns the next one with the changes
that led there, oldest first; what it returns is the same object when nothing changed.
"""

from dataclasses import replace
from datetime import datetime, tzinfo
from uuid import UUID

from crm.errors import N_, Unprocessable
from crm.members.tiers.days import local_day
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.reviews import Case, advance, held, settled, step
from crm.members.tiers.standing import REMAINDER, Activity, Change, Layer, Standing
from crm.members.tiers.windows import period_end, window_start

__all__ = [
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


class UnknownTier(Unprocessable):
    """The ladder in force has no tier of this code (422)."""

    code = "unknown_tier"
    detail = N_("The ladder has no tier {tier}.")


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
    last decision; with `now` given, also as of now, since others may have come between.
    """
    standing, changes = advance(standing, ladder, activity, at, zone, joined_at)
    case = Case(ladder, activity, zone, joined_at)
    standing = _rise(standing, case, at, "upgrade", order_id, changes)
    if now is not None and now > at:
        standing, more = advance(standing, ladder, activity, now, zone, joined_at)
        changes += more
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
    best = _best(case, at)
    if best <= rank:
        return standing
    after = replace(
        standing,
        tier=ladder.tiers[best].code,
        since=at,
        valid_until=period_end(local_day(at, case.zone), ladder.validity_months, case.zone),
        won_by=order_id,
        beneath=(*standing.beneath, _layer(standing)),
        grace_until=None,
        reviewed_at=at,
    )
    changes.append(step(standing, after, ladder, at, cause, order_id))
    return after


def _best(case: Case, at: datetime) -> int:
    start = window_start(case.ladder, at, case.zone, case.joined_at)
    return case.ladder.best(case.activity.within(start, at))


def on_refund(
    standing: Standing,
    ladder: Ladder,
    activity: Activity,
    at: datetime,
    order_id: UUID,
    fully: bool,
    zone: tzinfo,
    joined_at: datetime,
) -> Outcome:
    """An order was refunded at `at` (or cancelled: fully); the activity knows it already.

    A tier that a fully refunded order won falls at once to the tier beneath it, as that one would
    stand today, or to what qualifies now if that is higher. Partly refunded: the metric is lower,
    and the end of the period will show.
    """
    standing, changes = advance(standing, ladder, activity, at, zone, joined_at)
    layers = (*standing.beneath, _layer(standing))
    if not (fully and ladder.refund_fallback) or not any(
        layer.won_by in (order_id, REMAINDER) for layer in layers
    ):
        return standing, changes
    at = standing.decided_at(at)
    case = Case(ladder, activity, zone, joined_at)
    best = _best(case, at)
    remaining = [
        replace(layer, won_by=REMAINDER) if layer.won_by == order_id else layer
        for layer in layers
        if layer.won_by not in (order_id, REMAINDER) or ladder.rank(layer.tier) <= best
    ]
    if remaining and remaining[-1].tier == standing.tier:
        *beneath, top = remaining
        return replace(standing, won_by=top.won_by, beneath=tuple(beneath)), changes
    after = _fall(standing, remaining, case, at, best)
    changes.append(step(standing, after, ladder, at, "refund", order_id))
    return after, changes


def _layer(standing: Standing) -> Layer:
    return Layer(standing.tier, standing.since, standing.valid_until, standing.won_by)


def _fall(standing: Standing, layers: list[Layer], case: Case, at: datetime, best: int) -> Standing:
    """The highest layer that still stands, as its own reviews have left it by `at`; or better."""
    ladder = case.ladder
    *beneath, top = layers or [Layer(ladder.tiers[0].code, at)]
    after = replace(
        standing,
        tier=top.tier,
        since=top.since,
        valid_until=top.valid_until,
        won_by=top.won_by,
        beneath=tuple(beneath),
        grace_until=None,
    )
    after, _ = advance(after, *case[:2], at, *case[2:])
    if best > ladder.rank(after.tier):
        end = period_end(local_day(at, case.zone), ladder.validity_months, case.zone)
        after = replace(
            settled(after, at, valid_until=end),
            tier=ladder.tiers[best].code,
            since=at,
            won_by=REMAINDER,
            beneath=(*after.beneath, _layer(after)),
        )
    return replace(after, reviewed_at=at)


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
    if standing.ladder_version == old.version:
        standing, changes = advance(standing, old, activity, at, zone, joined_at)
    standing, more = advance(standing, new, activity, at, zone, joined_at)
    changes += more
    case = Case(new, activity, zone, joined_at)
    return _rise(standing, case, at, "ladder", None, changes), changes


def set_floor(
    standing: Standing, ladder: Ladder, code: str, until: datetime | None, reason: str, at: datetime
) -> Outcome:
    """Staff hold a member at `code` or higher from `at` (advance to it first) until `until`.

    Replaces an earlier floor. A floor below what is earned changes nothing while that lasts.
    Raises `UnknownTier`.
    """
    if code not in ladder.ranks:
        raise UnknownTier(tier=code, pointer="/code")
    assert until is None or until > at
    after = replace(standing, floor=code, floor_since=at, floor_until=until, floor_reason=reason)
    return after, [step(standing, after, ladder, at, "manual")]


def clear_floor(standing: Standing, ladder: Ladder, at: datetime) -> Outcome:
    """Staff take the floor away at `at` (advance to it first); nothing happens without one."""
    if standing.floor is None:
        return standing, []
    after = replace(standing, floor=None, floor_since=None, floor_until=None, floor_reason=None)
    return after, [step(standing, after, ladder, at, "manual")]
