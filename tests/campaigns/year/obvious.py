"""Who must be told what and when, who gets points, and which cases there are: found the obvious
way, member by member in plain loops over plain facts. It shares nothing with the program.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from expiry_oracle import expiry
from lives import Answered, Bought, Life

DAY = timedelta(days=1)
OPENS, CLOSES = time(9), time(20, 30)
ASKED_AFTER, REST, VALID = 3, 10 * DAY, 30 * DAY
WELCOME, FOR_ANSWER, LOW = 5, 20, 2
MEMBER_DAYS = (5, 20)
WARNED = 7  # days before the last day of points
LASTING = {"policy": "rolling_months", "months": 1}
LADDER = (("silver", 50_000), ("gold", 150_000))


class Told(NamedTuple):
    """A message: its journey, what became of it, and when it went (None: it did not)."""

    journey: str
    state: str
    reason: str | None
    sent_at: datetime | None


class Came(NamedTuple):
    """What became of an occasion: the member's day, `given` or `skipped`, and why not."""

    day: date
    state: str
    reason: str | None


class Moved(NamedTuple):
    """Points that came or went: what for, how many, when."""

    why: str
    points: int
    at: datetime


def next_tick(at: datetime) -> datetime:
    """The next full five minutes after an instant."""
    whole = at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)
    return whole + timedelta(minutes=5)


def at_nine(zone: str, day: date) -> datetime:
    return datetime.combine(day, OPENS, ZoneInfo(zone)).astimezone(UTC)


def day_of(one: Life, at: datetime) -> date:
    return local_day(one.zone, at)


@lru_cache(maxsize=1 << 20)
def local_day(zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def agrees(one: Life, at: datetime) -> bool:
    said = [value for since, value in one.agreed if since <= at]
    return said[-1] if said else False


# ---- cases and surveys ----


def counted(one: Life) -> list[Answered]:
    """The answers that count: the first to each survey, in time."""
    surveys = dict(asked(one))
    found: dict[str, Answered] = {}
    for answer in sorted(one.answers, key=lambda item: item.at):
        at = surveys.get(answer.order.number)
        in_time = at is not None and at <= answer.at < at + VALID
        if in_time and answer.order.number not in found:
            found[answer.order.number] = answer
    return list(found.values())


def spans(one: Life, answers: list[Answered]) -> Iterator[tuple[datetime, datetime | None]]:
    """From when to when each case was open."""
    for complaint in one.complaints:
        yield complaint.at, complaint.closed_at
    for answer in answers:
        if answer.rating <= LOW:
            yield answer.at, answer.closed_at


def has_case(one: Life, at: datetime, answers: list[Answered]) -> bool:
    return any(
        since <= at and (until is None or until > at) for since, until in spans(one, answers)
    )


def asked(one: Life) -> list[tuple[str, datetime]]:
    """The orders about which he was asked, and when."""
    return [(order.number, at) for order, at, reason in follow_ups(one) if reason is None]


def follow_ups(one: Life) -> list[tuple[Bought, datetime, str | None]]:
    """Every follow-up that came: the order, when, and why he was not asked. In the order of time,
    for an answer to one survey may open the case that stops the next."""
    due = sorted(
        (
            (at_nine(one.zone, day_of(one, order.delivered_at) + ASKED_AFTER * DAY), order)
            for order in one.orders
            if order.delivered_at is not None
        ),
        key=lambda item: item[0],
    )
    found: list[tuple[Bought, datetime, str | None]] = []
    surveys: dict[str, datetime] = {}
    for at, order in due:
        first: dict[str, Answered] = {}
        for answer in sorted(one.answers, key=lambda item: item.at):
            opened = surveys.get(answer.order.number)
            if opened is not None and opened <= answer.at < opened + VALID:
                first.setdefault(answer.order.number, answer)
        if order.refunded_at is not None and order.refunded_at <= at:
            reason = "order_refunded"
        elif has_case(one, at, list(first.values())):
            reason = "open_case"
        elif any(at - before < REST for before in surveys.values()):
            reason = "cooldown"
        else:
            reason = None
            surveys[order.number] = at
        found.append((order, at, reason))
    return found


# ---- occasions ----


def occasions(one: Life, begin: datetime, end: datetime) -> dict[str, tuple[Came, datetime]]:
    """Every occasion within [begin, end] that was handled, by its words; and when it was."""
    found: dict[str, tuple[Came, datetime]] = {}
    answers = counted(one)
    if next_tick(one.joined_at) <= end:
        words = f"welcome:welcome:{one.id}"
        found[words] = Came(day_of(one, one.joined_at), "given", None), next_tick(one.joined_at)
    for order, at, reason in follow_ups(one):
        if at <= end:
            came = Came(day_of(one, at), "skipped" if reason else "given", reason)
            found[f"aftersale:after_sale:{order.id}"] = came, at
    day = begin.date() - DAY
    while day <= end.date() + DAY:
        at = at_nine(one.zone, day)
        if day.day in MEMBER_DAYS and one.joined_at <= at and begin < at <= end:
            reason = "open_case" if has_case(one, at, answers) else None
            if reason is None and not agrees(one, at):
                reason = "opted_out"
            came = Came(day, "skipped" if reason else "given", reason)
            found[f"member_day:member_day:{one.id}:{day}"] = came, at
        last = day + WARNED * DAY
        if begin < at <= end and expiring(one, last, at):
            found[f"points_expiring:points_expiring:{one.id}:{last}"] = Came(day, "given", None), at
        day += DAY
    return found


def rises(one: Life, end: datetime) -> list[datetime]:
    """When he rose: as soon as what he spent, less what came back by then, reaches the next."""
    rank, found = 0, []
    for order in sorted(one.orders, key=lambda item: item.paid_at):
        spent = sum(
            other.amount
            for other in one.orders
            if other.paid_at <= order.paid_at
            and (other.refunded_at is None or other.refunded_at > order.paid_at)
        )
        reached = sum(spent >= least for _, least in LADDER)
        if reached > rank:
            rank = reached
            if next_tick(order.paid_at) <= end:
                found.append(order.paid_at)
    return found


# ---- points ----


def lots(one: Life) -> list[tuple[datetime, int, datetime | None]]:
    """Points that came: when, how many, and when an order's were taken back."""
    found: list[tuple[datetime, int, datetime | None]] = []
    found.append((next_tick(one.joined_at), WELCOME, None))
    for order in one.orders:
        found.append((order.paid_at, order.amount // 100, order.refunded_at))
    for answer in counted(one):
        found.append((answer.at, FOR_ANSWER, None))
    return found


def expiring(one: Life, last: date, at: datetime) -> int:
    """How many points, as they stand at an instant, may be used for the last time on a day."""
    total = 0
    for came, points, gone in lots(one):
        ends = expiry(LASTING, came, one.zone)
        assert ends is not None
        if came <= at and day_of(one, ends - timedelta(microseconds=1)) == last:
            total += 0 if gone is not None and gone <= at else points
    return total


def movements(one: Life, end: datetime) -> Counter[Moved]:
    """All that was earned, given, taken back and lapsed up to `end`, but for what never was."""
    found: Counter[Moved] = Counter()
    joined = next_tick(one.joined_at)
    if joined <= end:
        found[Moved("award:welcome", WELCOME, joined)] += 1
    for order in one.orders:
        found[Moved("earn", order.amount // 100, order.paid_at)] += 1
        if order.refunded_at is not None:
            found[Moved("clawback", -(order.amount // 100), order.refunded_at)] += 1
    for answer in counted(one):
        found[Moved("award:survey", FOR_ANSWER, answer.at)] += 1
    lapsed: dict[datetime, int] = defaultdict(int)
    for came, points, gone in lots(one):
        ends = expiry(LASTING, came, one.zone)
        assert ends is not None
        if came <= end and ends <= end and gone is None:
            lapsed[ends] += points
    for ends, points in lapsed.items():
        found[Moved("expire", -points, ends)] += 1
    return found


# ---- messages ----


def messages(one: Life, begin: datetime, end: datetime) -> Counter[Told]:
    """Every message, and what became of it by `end`."""
    found: Counter[Told] = Counter()
    for words, (came, at) in occasions(one, begin, end).items():
        if came.state == "given":
            journey = words.split(":")[1]
            found[Told(journey, "sent", None, at)] += 1  # by day, or of the kind that may always go
    for risen in rises(one, end):
        found[of_rise(one, next_tick(risen), end)] += 1
    return found


def of_rise(one: Life, at: datetime, end: datetime) -> Told:
    """The message of a rise is marketing: not without consent, not while a case is open, not at
    night, when it waits for the morning and is looked at anew."""
    answers = counted(one)
    while True:
        if not agrees(one, at):
            return Told("tier_up", "suppressed", "opted_out", None)
        if has_case(one, at, answers):
            return Told("tier_up", "suppressed", "open_case", None)
        local = at.astimezone(ZoneInfo(one.zone))
        if OPENS <= local.time() < CLOSES:
            return Told("tier_up", "sent", None, at)
        day = local.date() if local.time() < OPENS else local.date() + DAY
        at = at_nine(one.zone, day)
        if at > end:
            return Told("tier_up", "waiting", "quiet_hours", None)
