"""The spans of time that a tier is judged by, in the member's local days."""

from datetime import date, datetime, tzinfo

from crm.members.tiers.days import (
    INSTANT,
    ONE_DAY,
    add_months,
    first_counting,
    local_day,
    midnight,
)
from crm.members.tiers.ladder import Ladder

Span = tuple[datetime | None, datetime]  # both ends inclusive


def window_start(
    ladder: Ladder, at: datetime, zone: tzinfo, joined_at: datetime
) -> datetime | None:
    """Where the window that ends at `at` begins: a local midnight, inclusive; None: no beginning.

    Rolling: an order counts through its day + N months, so on 22 Nov all since 22 Nov counts.
    Membership years begin on the anniversaries of the day of joining (29 Feb: on 28 Feb).
    """
    if ladder.window.kind == "lifetime":
        return None
    return midnight(_first_day(ladder, local_day(at, zone), zone, joined_at), zone)


def _first_day(ladder: Ladder, day: date, zone: tzinfo, joined_at: datetime) -> date:
    if ladder.window.kind == "rolling_months":
        return first_counting(day, ladder.window.months)
    if ladder.window.kind == "calendar_year":
        return day.replace(month=1, day=1)
    joined = local_day(joined_at, zone)
    years = day.year - joined.year
    found = add_months(joined, 12 * years)
    return found if found <= day else add_months(joined, 12 * (years - 1))


def review_spans(
    ladder: Ladder, ends_at: datetime, at: datetime, zone: tzinfo, joined_at: datetime
) -> list[Span]:
    """What a period that ended at `ends_at` is judged by at `at` (the same, or its grace's end).

    The window as of the period's end; what was done in the grace counts too. A year in progress
    may be days old when a period ends, so with yearly windows the year before counts as well, as
    far as it lies within the period. Either is enough.
    """
    last = local_day(ends_at - INSTANT, zone)
    until = at - INSTANT
    if ladder.window.kind == "lifetime":
        return [(None, until)]
    if ladder.window.kind == "rolling_months":
        return [(midnight(first_counting(last + ONE_DAY, ladder.window.months), zone), until)]
    year = _first_day(ladder, last, zone, joined_at)
    before = _first_day(ladder, year - ONE_DAY, zone, joined_at)
    begins = max(before, add_months(last, -ladder.validity_months) + ONE_DAY)
    spans: list[Span] = [(midnight(year, zone), until)]
    if begins < year:
        spans.append((midnight(begins, zone), midnight(year, zone) - INSTANT))
    return spans


def period_end(day: date, months: int, zone: tzinfo) -> datetime:
    """When a period ends whose tier was attained on `day`: the exclusive instant.

    That is local midnight after the last valid day, which lies `months` months on.
    """
    return midnight(add_months(day, months) + ONE_DAY, zone)


def next_period_end(ends_at: datetime, months: int, zone: tzinfo, beyond: datetime) -> datetime:
    """When a period ends that follows one that ended at `ends_at`: `months` months later.

    The first such end after `beyond`, where that lies whole periods on.
    """
    begins = local_day(ends_at - INSTANT, zone) + ONE_DAY
    periods = 1
    while (until := midnight(add_months(begins, months * periods), zone)) <= beyond:
        periods += 1
    return until
