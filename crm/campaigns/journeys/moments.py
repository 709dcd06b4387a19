"""When a local day's occasions come, in every time zone that members live in.

All arithmetic of zones is done here, by the zones' own rules; statements only compare instants. So
a name that is no zone, or one that the database does not know, can stop nobody's journey.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import text

from crm.db import db
from crm.members.tiers.days import ONE_DAY, local_day, midnight
from crm.points import rulebook

MOST_DAYS = 400  # after more than a year of downtime the older days are not even noted

# From one zone to the next by the index: as many steps as there are zones, not members.
USED = text("""
    WITH RECURSIVE zone AS (
        (SELECT timezone FROM member WHERE timezone IS NOT NULL ORDER BY timezone LIMIT 1)
        UNION ALL
        SELECT (SELECT m.timezone FROM member m WHERE m.timezone > zone.timezone
                ORDER BY m.timezone LIMIT 1)
        FROM zone WHERE zone.timezone IS NOT NULL
    )
    SELECT timezone FROM zone WHERE timezone IS NOT NULL
    UNION SELECT timezone FROM store WHERE timezone IS NOT NULL
""")


class Zones(NamedTuple):
    """The shop's zone, and all that somebody lives in, the shop's among them."""

    shop: str
    names: tuple[str, ...]


class Moment(NamedTuple):
    """A local day in a zone. `at`: its occasions come; `late`: from then on it is too late;
    [`since`, `until`): the day on which lies what they are about."""

    zone: str
    day: date
    at: datetime
    late: datetime
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Timing:
    """How a journey places its occasions: at `send_at` of the local day (None: at the instant of
    what happened), `offset` days after the day of what it is about, for `lateness_days` more days.
    """

    send_at: time | None
    offset: int
    lateness_days: int

    def of_day(self, zone: str, day: date) -> Moment:
        """The moment of a local day."""
        rules = zone_of(zone)
        begins = midnight(day, rules)
        at = begins
        if self.send_at is not None:
            at = max(datetime.combine(day, self.send_at, rules).astimezone(UTC), begins)
        about = day - timedelta(days=self.offset)
        return Moment(
            zone,
            day,
            at,
            midnight(day + timedelta(days=1 + self.lateness_days), rules),
            midnight(about, rules),
            midnight(about + ONE_DAY, rules),
        )


def used(now: datetime) -> Zones:
    """The zones in use now. Names that are no zones are left out: the shop's counts for them."""
    shop = rulebook.load().programme_at(now).timezone
    found = {name for name in db.session.scalars(USED) if is_zone(name)}
    return Zones(shop, tuple(sorted(found | {shop})))


def between(
    zones: Iterable[str], timing: Timing, after: datetime, until: datetime
) -> Iterator[Moment]:
    """The moments in (`after`, `until`]; for occasions that come at an instant, the local days
    that this span touches."""
    after = max(after, until - MOST_DAYS * ONE_DAY)
    for zone in zones:
        rules = zone_of(zone)
        day, last = local_day(after, rules), local_day(until, rules)
        while day <= last:
            moment = timing.of_day(zone, day)
            if timing.send_at is None or after < moment.at <= until:
                yield moment
            day += ONE_DAY


def of_days(zones: Iterable[str], timing: Timing, days: Sequence[date]) -> Iterator[Moment]:
    """The moments of these local days, in every zone."""
    for zone in zones:
        for day in days:
            yield timing.of_day(zone, day)


def is_zone(name: str) -> bool:
    """Whether this is the name of a time zone."""
    try:
        zone_of(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The rules of a zone. Raises `KeyError`, `ValueError` or `OSError` for what is none."""
    return ZoneInfo(name)
