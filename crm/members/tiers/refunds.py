"""What a refund does: the tier that its order won falls to the one beneath."""

from dataclasses import replace
from datetime import datetime, tzinfo
from uuid import UUID

from crm.members.tiers.days import local_day
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.reviews import Case, advance, settled, step
from crm.members.tiers.standing import REMAINDER, Activity, Change, Layer, Standing
from crm.members.tiers.windows import period_end, window_start


def on_refund(
    standing: Standing,
    ladder: Ladder,
    activity: Activity,
    at: datetime,
    order_id: UUID,
    fully: bool,
    zone: tzinfo,
    joined_at: datetime,
) -> tuple[Standing, list[Change]]:
    """An order was refunded at `at` (or cancelled: fully); the activity knows it already.

    A tier that a fully refunded order won falls at once to the tier beneath it, as that one would
    stand today, or to what qualifies now if that is higher. Partly refunded: the metric is lower,
    and the end of the period will show.
    """
    standing, changes = advance(standing, ladder, activity, at, zone, joined_at)
    layers = (*standing.beneath, layer_of(standing))
    if not (fully and ladder.refund_fallback) or not any(
        layer.won_by in (order_id, REMAINDER) for layer in layers
    ):
        return standing, changes
    at = standing.decided_at(at)
    case = Case(ladder, activity, zone, joined_at)
    best = best_at(case, at)
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
            beneath=(*after.beneath, layer_of(after)),
        )
    return replace(after, reviewed_at=at)


def best_at(case: Case, at: datetime) -> int:
    """The highest rank that qualifies at an instant, by the window that ends there."""
    start = window_start(case.ladder, at, case.zone, case.joined_at)
    return case.ladder.best(case.activity.within(start, at))


def layer_of(standing: Standing) -> Layer:
    """The tier as it stands, to be kept beneath a higher one."""
    return Layer(standing.tier, standing.since, standing.valid_until, standing.won_by)
