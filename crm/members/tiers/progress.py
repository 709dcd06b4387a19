"""How far a member is: what is missing to rise, what to stay, and what the end will bring."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from crm.members.tiers.ladder import Conditions, Ladder, Metrics
from crm.members.tiers.reviews import Case, advance, held, judge
from crm.members.tiers.standing import Activity, Standing
from crm.members.tiers.windows import review_spans, window_start


@dataclass(frozen=True, slots=True)
class Need:
    """One threshold and how far it is; `missing` is 0 once it is reached."""

    metric: str
    at_least: int
    value: int
    missing: int


@dataclass(frozen=True, slots=True)
class Goal:
    """What a tier asks for: `any` or `all` of the needs."""

    tier: str
    match: str
    needs: tuple[Need, ...]
    met: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a member stands at an instant.

    `tier` is held (floor included), `standing.tier` earned. `next`: the tier above the one held
    (and above any qualified for since); None at the top. `keep`: what keeps the earned tier at its
    end. `expected`: the tier held after that end (and its grace) if nothing more happens, at
    `expected_at`; None where nothing ends.
    """

    standing: Standing
    tier: str
    window_start: datetime | None
    metrics: Metrics
    next: Goal | None
    keep: Goal | None
    expected: str | None
    expected_at: datetime | None


def progress(
    standing: Standing,
    ladder: Ladder,
    activity: Activity,
    now: datetime,
    zone: tzinfo,
    joined_at: datetime,
) -> Progress:
    """The progress as of `now`. What fell due and was not run yet is seen as done."""
    standing, _ = advance(standing, ladder, activity, now, zone, joined_at)
    case = Case(ladder, activity, zone, joined_at)
    start = window_start(ladder, now, zone, joined_at)
    metrics = activity.within(start, now)
    tier = held(standing, ladder, now)
    reached = max(ladder.rank(tier), ladder.best(metrics))
    above = ladder.tiers[reached + 1 :][:1]
    expected, expected_at = _expected(standing, case)
    return Progress(
        standing=standing,
        tier=tier,
        window_start=start,
        metrics=metrics,
        next=goal(above[0].code, above[0].qualify, metrics) if above else None,
        keep=_keep(standing, case),
        expected=expected,
        expected_at=expected_at,
    )


def goal(code: str, conditions: Conditions, metrics: Metrics) -> Goal:
    """The needs of some conditions against some metrics."""
    needs = []
    for metric, at_least in conditions.items:
        value = getattr(metrics, metric)
        needs.append(Need(metric, at_least, value, max(0, at_least - value)))
    return Goal(code, conditions.match, tuple(needs), conditions.met_by(metrics))


def _keep(standing: Standing, case: Case) -> Goal | None:
    """By the window as of the period's end, counting what has been done so far."""
    ends_at, at = standing.valid_until, standing.review_at
    if ends_at is None or at is None or case.ladder.downgrade == "never":
        return None
    spans = review_spans(case.ladder, ends_at, at, case.zone, case.joined_at)
    conditions = case.ladder.tier(standing.tier).keep
    goals = [goal(standing.tier, conditions, case.activity.within(*span)) for span in spans]
    found = next((one for one in goals if one.met), goals[0])
    if found.met or not judge(standing, case)[0]:
        return found
    return Goal(found.tier, found.match, found.needs, True)


def _expected(standing: Standing, case: Case) -> tuple[str | None, datetime | None]:
    """The outcome of the running period: a grace that begins at its end is followed to its own."""
    until = standing.review_at
    if until is None:
        return None, None
    after, _ = advance(standing, case.ladder, case.activity, until, case.zone, case.joined_at)
    if after.grace_until is not None and after.valid_until == standing.valid_until:
        until = after.grace_until
        after, _ = advance(after, case.ladder, case.activity, until, case.zone, case.joined_at)
    return held(after, case.ladder, until), until
