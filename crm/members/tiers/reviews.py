"""What time does to a standing: periods end, graces end, floors end, ladders are replaced."""

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple
from uuid import UUID

from crm.members.tiers.days import INSTANT, ONE_DAY, local_day, midnight
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.standing import Activity, Change, Standing
from crm.members.tiers.windows import next_period_end, period_end, review_spans


class Case(NamedTuple):
    """What a decision about one member rests on."""

    ladder: Ladder
    activity: Activity
    zone: tzinfo
    joined_at: datetime


def held(standing: Standing, ladder: Ladder, at: datetime) -> str:
    """The tier that a member holds at `at`: the earned one, or the floor while that is higher."""
    floor = standing.floor
    if floor is None or (standing.floor_until is not None and standing.floor_until <= at):
        return standing.tier
    return floor if ladder.rank(floor) > ladder.rank(standing.tier) else standing.tier


def step(
    before: Standing,
    after: Standing,
    ladder: Ladder,
    at: datetime,
    cause: str,
    order_id: UUID | None = None,
) -> Change:
    """The change that leads from one standing to the next."""
    was, now = held(before, ladder, at), held(after, ladder, at)
    return Change(at, was, now, cause, after.tier, order_id)


def advance(
    standing: Standing,
    ladder: Ladder,
    activity: Activity,
    until: datetime,
    zone: tzinfo,
    joined_at: datetime,
    *,
    old: Ladder | None = None,
) -> tuple[Standing, list[Change]]:
    """Everything that falls due up to `until`, inclusive, one after another at its own instant.

    One call to a late instant and many calls on the way lead to the same standing and history, as
    long as the activity is the same. `old`: the ladder that the member stood on, where it is known.
    """
    changes: list[Change] = []
    if standing.ladder_version != ladder.version:
        standing = _adopt(standing, ladder, until, zone, changes, old or ladder)
    while (due := standing.due_at) is not None and due <= until:
        if due == standing.floor_until:
            standing = _end_floor(standing, ladder, changes)
        else:
            standing = _review(standing, Case(ladder, activity, zone, joined_at), changes)
    return standing, changes


def _end_floor(standing: Standing, ladder: Ladder, changes: list[Change]) -> Standing:
    at = standing.floor_until
    assert at is not None
    was = held(standing, ladder, at - INSTANT)
    changes.append(Change(at, was, standing.tier, "floor_ended", standing.tier))
    return without_floor(standing, at)


def without_floor(standing: Standing, at: datetime) -> Standing:
    """The standing once its floor is gone, at `at`."""
    return replace(
        standing,
        floor=None,
        floor_since=None,
        floor_until=None,
        floor_reason=None,
        reviewed_at=standing.decided_at(at),
    )


def _review(standing: Standing, case: Case, changes: list[Change]) -> Standing:
    ladder, zone = case.ladder, case.zone
    ends_at, at = standing.valid_until, standing.review_at
    assert ends_at is not None
    assert at is not None
    keeps, best = judge(standing, case)
    if keeps or ladder.downgrade == "never":
        until = next_period_end(ends_at, ladder.validity_months, zone, beyond=at)
        after = settled(standing, at, valid_until=until)
        cause = "kept"
    elif ladder.grace_days and standing.grace_until is None:
        last = local_day(ends_at - INSTANT, zone) + timedelta(days=ladder.grace_days)
        return replace(standing, grace_until=midnight(last + ONE_DAY, zone), reviewed_at=at)
    else:
        rank = best if ladder.downgrade == "straight" else ladder.rank(standing.tier) - 1
        until = next_period_end(at, ladder.validity_months, zone, beyond=at)
        after = settled(
            replace(standing, tier=ladder.tiers[rank].code, since=at),
            at,
            valid_until=until if rank else None,
        )
        cause = "downgrade"
    changes.append(step(standing, after, ladder, at, cause))
    return after


def judge(standing: Standing, case: Case) -> tuple[bool, int]:
    """Whether the running period's tier would be kept at its end, and the best rank qualified for.

    Who qualifies anew keeps the tier too, whatever the condition for keeping says.
    """
    ends_at, at = standing.valid_until, standing.review_at
    assert ends_at is not None
    assert at is not None
    ladder = case.ladder
    spans = review_spans(ladder, ends_at, at, case.zone, case.joined_at)
    metrics = [case.activity.within(*span) for span in spans]
    best = max(map(ladder.best, metrics))
    keep = ladder.tier(standing.tier).keep
    return best >= ladder.rank(standing.tier) or any(map(keep.met_by, metrics)), best


def settled(standing: Standing, at: datetime, *, valid_until: datetime | None) -> Standing:
    """A standing with a new period that rests on no single order."""
    return replace(
        standing,
        valid_until=valid_until,
        grace_until=None,
        won_by=None,
        beneath=(),
        reviewed_at=at,
    )


def _adopt(
    standing: Standing,
    ladder: Ladder,
    until: datetime,
    zone: tzinfo,
    changes: list[Change],
    old: Ladder,
) -> Standing:
    """The standing on another version of the ladder: codes that vanished go to their heirs. What
    was held is told by the `old` one: on the new one a floor and the tier may be the same.

    Nobody falls by it otherwise; only a tier that lost or gained its place as the lowest loses or
    gains an end.
    """
    moments = [until, standing.due_at, ladder.effective_at]
    at = standing.decided_at(min(moment for moment in moments if moment is not None))
    after = replace(
        standing,
        tier=ladder.resolve(standing.tier),
        floor=standing.floor and ladder.resolve(standing.floor),
        beneath=tuple(replace(one, tier=ladder.resolve(one.tier)) for one in standing.beneath),
        ladder_version=ladder.version,
    )
    rank = ladder.rank(after.tier)
    after = replace(
        after, beneath=tuple(one for one in after.beneath if ladder.rank(one.tier) < rank)
    )
    if rank == 0:
        after = replace(after, valid_until=None, grace_until=None)
    elif after.valid_until is None:
        end = period_end(local_day(at, zone), ladder.validity_months, zone)
        after = replace(after, valid_until=end)
    was, now = held(standing, old, at), held(after, ladder, at)
    if was != now:
        changes.append(Change(at, was, now, "ladder", after.tier))
        after = replace(after, reviewed_at=at)
    return after
