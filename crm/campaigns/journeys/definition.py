"""What makes a journey: whom it finds, by which statement, and what it decides for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

from crm.campaigns.journeys.moments import Moment, Timing
from crm.http import Schema
from crm.messages.planning import Source

Settings = Mapping[str, Any]  # loaded: times, ids and whole numbers


class Due(NamedTuple):
    """A member for whom an occasion has come. `reason`: why he gets nothing, as far as the
    statement knows; `facts` what the message can say; `ref` what it is about. `template`, of
    `channel`: by which he can be reached (None: by none, or none is set)."""

    member_id: UUID
    occasion: str
    day: date
    at: datetime
    late: datetime
    facts: Mapping[str, Any]
    ref: str | None
    reason: str | None
    template: UUID | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What he gets, or why he gets nothing."""

    reason: str | None = None
    points: int = 0
    coupon: UUID | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    coupon_occasion: str | None = None
    coupon_source: tuple[str, str] | None = None


Decide = Callable[[Sequence[Due], Settings, datetime], list[Decision]]
Prepare = Callable[[Sequence["Due"], Sequence["Decision"], "Settings", datetime], list["Decision"]]
Values = Callable[[Settings, Sequence[Moment], datetime], Mapping[str, Any] | None]


def nothing_more(settings: Settings, moments: Sequence[Moment], now: datetime) -> dict[str, Any]:
    """For statements that need no values of their own."""
    return {}


def as_set(rows: Sequence[Due], settings: Settings, now: datetime) -> list[Decision]:
    """Everybody gets the gift that is set."""
    return [usual(row, settings) for row in rows]


def usual(row: Due, settings: Settings) -> Decision:
    """The gift that is set, and a message that says what the statement found."""
    return Decision(
        points=settings["points"], coupon=settings["coupon_template"], variables=row.facts
    )


def at_send_at(settings: Settings) -> time | None:
    """Occasions come at the hour that is set."""
    return settings["send_at"]


def same_day(settings: Settings) -> int:
    """Occasions come on the day itself."""
    return 0


def before_last_day(settings: Settings) -> int:
    """Occasions come some days before the last day of what ends at the midnight after it."""
    return -(settings["days_before"] + 1)


def ahead(settings: Settings, moments: Sequence[Moment], now: datetime) -> dict[str, Any]:
    """How many days before that last day."""
    return {"ahead": settings["days_before"]}


@dataclass(frozen=True)
class Journey:
    """One journey.

    `sql` gives rows of member_id, occasion, day, at, late, facts (jsonb), ref, why; it may use the
    tables `moment` and `known` (`due.MEMBERS` and `due.member` join a member to his), `:now`,
    `:first` and `:last` (all that it may be about lies between: last excluded), and what `values`
    gives (None: nobody can be due). `offset`: days from what the occasion is about to the occasion.

    `facts_come_late`: what it is about may be told after its time. `must_be_told`: who can't be
    reached is skipped, for the gift is of no use without a word. `stops_on_case`: so is who
    waits for an answer to a complaint. `for_all`: it finds all members at once. `prepare`: what is
    written for those who get something before they do; a dry run leaves it out. `withdrawn`: a
    query on an occasion `o` whose message waits for `person.id`, for the `reason` why it is not to
    go any more.
    """

    code: str
    name: str
    told: str
    schema: type[Schema]
    sql: str
    values: Values = nothing_more
    offset: Callable[[Settings], int] = same_day
    hour: Callable[[Settings], time | None] = at_send_at
    decide: Decide = as_set
    for_all: bool = False
    facts_come_late: bool = False
    must_be_told: bool = True
    stops_on_case: bool = True
    prepare: Prepare | None = None
    withdrawn: str | None = None
    priority: int = 0

    @property
    def source(self) -> Source:
        """What its messages and coupons name as their cause."""
        return Source("journey", self.code)

    def timing(self, settings: Settings) -> Timing:
        """How its occasions lie in time."""
        return Timing(self.hour(settings), self.offset(settings), settings["lateness_days"])
