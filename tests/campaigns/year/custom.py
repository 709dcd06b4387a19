"""Who is reminded of what he usually buys, and who hears that he is about to lose his tier: found
the obvious way, member by member, hour by hour. It shares nothing with the program.

One thing is taken from the program, for other tests prove it: the chance that a member buys
within a week, as the last night left it, and that he buys in a category, by that night's model and
the plain facts of his life.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from expiry_oracle import months_later
from lives import Bought, Life
from obvious import (
    Came,
    Told,
    agrees,
    at_nine,
    day_of,
    has_case,
    next_tick,
)
from rhythms import Rhythm, Window, kept, rhythm_of, windows

DAY = timedelta(days=1)
NIGHTS = {
    "windows": time(18, 40),
    "chances": time(18, 45),
    "baskets": time(18, 50),
    "untold": time(19, 35),
}  # UTC
LADDER = (("silver", 200_000), ("gold", 450_000))
COUNTED_MONTHS, VALID_MONTHS, WARNED = 2, 1, 10
EVENING, SKIP_ABOVE, REST, STILL_NEW = time(21), 50, 10 * DAY, 3
JUST_BOUGHT, OFF_SALE, LOOKBACK = 90 * DAY, 180 * DAY, 365 * DAY


class Chances(NamedTuple):
    """How likely a member is to buy within a week: anything, as the last night left it; in a
    category, by what he has bought up to an instant and his day (None: the model is silent)."""

    of_anything: Callable[[UUID, datetime], float | None]
    of_category: Callable[[Life, str, datetime, date], float | None]


class Occasion(NamedTuple):
    """What became of an occasion, when, and what its message may say."""

    came: Came
    at: datetime
    says: frozenset[str] = frozenset()


class Store:
    """What the nights found: the store's rhythm, and which products are sold."""

    def __init__(self, everybody: Sequence[Life], begin: datetime, end: datetime) -> None:
        self.everybody = everybody
        self.rhythms: list[tuple[datetime, Rhythm]] = []
        rhythm: Rhythm = {}
        for night in nights("windows", begin, end):
            rhythm = rhythm_of(everybody, night, rhythm)
            self.rhythms.append((night, rhythm))
        self.sold: list[tuple[datetime, dict[str, set[str]]]] = [
            (night, self._sold(night)) for night in nights("baskets", begin, end)
        ]

    def _sold(self, night: datetime) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for one in self.everybody:
            for order in kept(one, night):
                if night - order.paid_at < OFF_SALE:
                    found.setdefault(order.category, set()).add(order.sku)
        return found

    def last_night(self, at: datetime) -> tuple[datetime, Rhythm] | None:
        """When windows were last made, and the rhythm that was known then."""
        return next((item for item in reversed(self.rhythms) if item[0] <= at), None)

    def to_suggest(self, one: Life, category: str, at: datetime) -> set[str]:
        """The products of a category that he may be told of: what he buys again and again, and
        what others buy that he has not bought lately."""
        sold = next((item[1] for item in reversed(self.sold) if item[0] <= at), {})
        bought: dict[str, list[datetime]] = {}
        for order in kept(one, at):
            if order.paid_at > at - LOOKBACK:
                bought.setdefault(order.sku, []).append(order.paid_at)
        return {
            sku
            for sku in sold.get(category, ())
            if len({day_of(one, paid) for paid in bought.get(sku, ())}) > 1
            or all(paid <= at - JUST_BOUGHT for paid in bought.get(sku, ()))
        }


def nights(which: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The instants at which a nightly job runs."""
    night = datetime.combine(begin.date(), NIGHTS[which], UTC)
    while night <= end:
        if night > begin:
            yield night
        night += DAY


def occasions(
    one: Life, store: Store, chances: Chances, begin: datetime, end: datetime
) -> dict[str, Occasion]:
    """Every occasion within (begin, end] that was handled, by its words."""
    return reminders(one, store, chances, begin, end) | warnings(one, begin, end)


# ---- buying again ----


def in_the_evening(zone: str, day: date) -> datetime:
    return datetime.combine(day, EVENING, ZoneInfo(zone)).astimezone(UTC)


def reminders(
    one: Life, store: Store, chances: Chances, begin: datetime, end: datetime
) -> dict[str, Occasion]:
    """In the evening of the first day of each window, as the last night knew it: once for each
    purchase that opened one."""
    found: dict[str, Occasion] = {}
    given: list[datetime] = []
    made_at, known = begin, dict[str, Window]()
    day = begin.date() - DAY
    while day <= end.date() + DAY:
        day += DAY
        at = in_the_evening(one.zone, day)
        night = store.last_night(at)
        if night is None or not begin < at <= end:
            continue
        if night[0] != made_at:
            made_at, known = night[0], windows(one, *night)
        for category, window in sorted(known.items()):
            words = f"repurchase:repurchase:{one.id}:{category}-{window.last_day}"
            fresh = window.opens <= day <= min(window.closes, window.opens + STILL_NEW * DAY)
            if not fresh or words in found:
                continue
            products = store.to_suggest(one, category, at)
            soon = chances.of_category(one, category, at, day)
            chance = chances.of_anything(one.id, at) if soon is None else None
            reason = why_not_reminded(one, window, at, chance, given)
            now = windows(one, at, night[1]).get(category)
            if reason in (None, "cooldown") and (now is None or now.last_day != window.last_day):
                reason = "no_longer_due"
            elif reason in (None, "cooldown") and soon is not None and soon >= SKIP_ABOVE / 100:
                reason = "about_to_buy"
            elif reason in (None, "cooldown") and not products:
                reason = "nothing_to_suggest"
            if reason is None:
                given.append(at)
            came = Came(day, "skipped" if reason else "given", reason)
            found[words] = Occasion(came, at, frozenset(products))
    return found


def why_not_reminded(
    one: Life, window: Window, at: datetime, chance: float | None, given: list[datetime]
) -> str | None:
    if chance is not None and chance >= SKIP_ABOVE / 100:
        return "about_to_buy"
    if has_case(one, at, []):
        return "open_case"
    if not agrees(one, at):
        return "opted_out"
    return "cooldown" if any(at - before < REST for before in given) else None


def taken_back(one: Life, given_at: datetime, end: datetime) -> bool:
    """Whether he bought before he was told, and the tick that sees it has come."""
    until = min(end, morning_after(one, given_at))
    return any(
        given_at < order.paid_at and next_tick(order.paid_at) <= until for order in one.orders
    )


def morning_after(one: Life, evening: datetime) -> datetime:
    """Marketing waits for the morning."""
    return at_nine(one.zone, day_of(one, evening) + DAY)


def has_lost_his_coupon(one: Life, given_at: datetime, end: datetime) -> bool:
    """Whether his coupon is taken back: he bought before he was told, or could not be told; then it
    goes in the next night."""
    if of_reminder(one, given_at, end).state == "suppressed":
        return any(nights("untold", morning_after(one, given_at), end))
    return taken_back(one, given_at, end)


def of_reminder(one: Life, given_at: datetime, end: datetime) -> Told:
    """What becomes of its message."""
    if taken_back(one, given_at, end):
        return Told("repurchase", "cancelled", "no_longer_due", None)
    morning = morning_after(one, given_at)
    if morning > end:
        return Told("repurchase", "waiting", "quiet_hours", None)
    if not agrees(one, morning):
        return Told("repurchase", "suppressed", "opted_out", None)
    if has_case(one, morning, []):
        return Told("repurchase", "suppressed", "open_case", None)
    return Told("repurchase", "sent", None, morning)


# ---- keeping a tier ----


def spent(one: Life, on: date, at: datetime) -> int:
    """What counts on a day, as of an instant: an order does for so many months."""
    return sum(
        order.amount
        for order in kept(one, at)
        if months_later(day_of(one, order.paid_at), COUNTED_MONTHS) >= on
    )


def rank_of(amount: int) -> int:
    return sum(amount >= least for _, least in LADDER)


def warnings(one: Life, begin: datetime, end: datetime) -> dict[str, Occasion]:
    """His life on the ladder, from purchase to purchase and from end to end, and every morning the
    question whether he is about to fall."""
    found: dict[str, Occasion] = {}
    rank, last = 0, date.max  # the last day on which the tier is his
    for at, order in moments(one, begin, end):
        while last != date.max and midnight_after(one, last) <= at:
            over = midnight_after(one, last)
            if rank_of(spent(one, last + DAY, over - timedelta(microseconds=1))) < rank:
                rank -= 1
            last = months_later(last + DAY, VALID_MONTHS) - DAY if rank else date.max
        today = day_of(one, at)
        if order is not None:
            reached = rank_of(spent(one, today, at))
            if reached > rank:
                rank, last = reached, months_later(today, VALID_MONTHS)
        elif last != date.max and last - WARNED * DAY == today:
            counted = spent(one, last + DAY, at)
            reason = "will_be_kept" if rank_of(counted) >= rank else None
            reason = "open_case" if has_case(one, at, []) else reason
            missing = LADDER[rank - 1][1] - counted
            words = f"tier_at_risk:tier_at_risk:{one.id}:{last}"
            came = Came(today, "skipped" if reason else "given", reason)
            found[words] = Occasion(came, at, frozenset({f"CN¥{missing / 100:,.2f}"}))
    return found


def moments(one: Life, begin: datetime, end: datetime) -> Iterator[tuple[datetime, Bought | None]]:
    """His purchases and his mornings, in order. What he bought before he joined counts then."""
    found: list[tuple[datetime, Bought | None]] = [
        (max(order.paid_at, one.joined_at), order) for order in one.orders
    ]
    day = begin.date() - DAY
    while day <= end.date() + DAY:
        at = at_nine(one.zone, day)
        if begin < at <= end:
            found.append((at, None))
        day += DAY
    yield from sorted(found, key=lambda item: item[0])


def midnight_after(one: Life, last: date) -> datetime:
    return datetime.combine(last + DAY, time(), ZoneInfo(one.zone)).astimezone(UTC)
