"""A dry run: who would get what on a day, and who would not, and why. Writes nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from crm.campaigns.journeys import due, moments, running
from crm.campaigns.journeys.definition import as_set
from crm.campaigns.journeys.moments import Moment, Zones
from crm.campaigns.journeys.switching import Switched

PAGE = 10_000
SAMPLE = 10
ALREADY = {"given": "already_given", "skipped": "already_skipped", "expired": "already_expired"}


@dataclass(slots=True)
class DryRun:
    """due = would_give + skipped, those handled already among them. `channels`: by which those who
    would get something would be told; who can be reached by none gets the gift alone. `coupons` by
    template; `sample` names some of them. Stock and budgets are looked at when coupons are given.
    """

    day: date
    due: int = 0
    would_give: int = 0
    channels: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    points: int = 0
    coupons: Counter[UUID] = field(default_factory=Counter)
    sample: list[UUID] = field(default_factory=list)


def run(one: Switched, day: date, *, now: datetime) -> DryRun:
    """The occasions of a local day, each member's by his own clock, as things stand now. Also of
    a journey that is off, and for days that have been: what was handled then is counted so."""
    zones = moments.used(now)
    found = list(moments.of_days(zones.names, one.journey.timing(one.settings), [day]))
    seen_at = max([now, *(moment.late for moment in found)])
    done = DryRun(day)
    same_for_all = one.journey.decide is as_set
    for row in due.counts(one.journey, one.settings, found, zones, now=seen_at):
        if row.state is not None:
            done.due += row.n
            done.skipped[ALREADY[row.state]] += row.n
        elif same_for_all:
            _count(done, one, row)
    after: UUID | None = due.NOBODY
    while after is not None:
        after = _page(done, one, found, zones, seen_at, after, same_for_all=same_for_all)
    return done


def _count(done: DryRun, one: Switched, row: Any) -> None:
    """What the gift that is set comes to for so many members."""
    done.due += row.n
    if row.reason is not None:
        done.skipped[row.reason] += row.n
        return
    done.would_give += row.n
    if row.channel is not None:
        done.channels[row.channel] += row.n
    done.points += row.n * one.settings["points"]
    if one.settings["coupon_template"] is not None:
        done.coupons[one.settings["coupon_template"]] += row.n


def _page(
    done: DryRun,
    one: Switched,
    found: Sequence[Moment],
    zones: Zones,
    seen_at: datetime,
    after: UUID,
    *,
    same_for_all: bool,
) -> UUID | None:
    """Decide about the next members, one by one; the last of them (None: nobody is left).

    Where all get the same they have been counted, and only the sample is looked for.
    """
    rows, following = due.page(
        one.journey, one.settings, found, zones, now=seen_at,
        late_by=datetime.min.replace(tzinfo=seen_at.tzinfo), after=after, most=PAGE,
    )  # fmt: skip
    for row, decision in zip(rows, running.decide(one, rows, seen_at), strict=True):
        if not same_for_all:
            done.due += 1
            if decision.reason is not None:
                done.skipped[decision.reason] += 1
            else:
                done.would_give += 1
                if row.channel is not None:
                    done.channels[row.channel] += 1
                done.points += decision.points
                if decision.coupon is not None:
                    done.coupons[decision.coupon] += 1
        if decision.reason is None and len(done.sample) < SAMPLE:
            done.sample.append(row.member_id)
    if same_for_all and len(done.sample) == min(SAMPLE, done.would_give):
        return None
    return following
