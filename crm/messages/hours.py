"""When a message may reach a member, by his own clock: quiet hours, days for the caps."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from crm.messages.policy import SMS_HOURS, Policy

logger = logging.getLogger(__name__)

MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class LocalClock:
    """A member's day at an instant, and when messages may go: now (None) or at `opens_at`."""

    zone: str
    day: date
    opens_at: datetime | None


def hours_of(channel: str, purpose: str, policy: Policy) -> tuple[time, time] | None:
    """The hours in which a message may go, from and until (exclusive); None: all day."""
    own = policy.marketing_hours if purpose == "marketing" else None
    if channel != "sms":
        return own
    if own is None:
        return SMS_HOURS
    return max(own[0], SMS_HOURS[0]), min(own[1], SMS_HOURS[1])


def local_clock(zone: str, now: datetime, hours: tuple[time, time] | None, shop: str) -> LocalClock:
    """What the clock says where the member lives; in the shop's zone if his is none."""
    local = now.astimezone(_zone(zone, shop))
    if hours is None or hours[0] <= local.time() < hours[1]:
        return LocalClock(zone, local.date(), None)
    day = local.date() if local.time() < hours[0] else local.date() + timedelta(days=1)
    return LocalClock(zone, local.date(), start_of(zone, day, hours, shop))


def start_of(zone: str, day: date, hours: tuple[time, time] | None, shop: str) -> datetime:
    """The first instant of a local day at which messages may go."""
    opening = hours[0] if hours else MIDNIGHT
    return datetime.combine(day, opening, _zone(zone, shop)).astimezone(UTC)


def first_day_with_room(
    day: date, sent: Mapping[date, int], per_day: int | None, per_week: int | None
) -> date | None:
    """The first day from `day` on that has room under both caps; None if caps leave none at all.

    A week is the day itself and the six before it.
    """
    if per_day == 0 or per_week == 0:
        return None
    while True:
        week = sum(n for one, n in sent.items() if day - timedelta(days=6) <= one <= day)
        if (per_day is None or sent.get(day, 0) < per_day) and (
            per_week is None or week < per_week
        ):
            return day
        day += timedelta(days=1)


@lru_cache(maxsize=1024)
def _zone(name: str, shop: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        logger.warning("there is no time zone %r; the shop's counts", name)
        return ZoneInfo(shop)
