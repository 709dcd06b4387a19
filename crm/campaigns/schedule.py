"""When each member's message is due: at once, at an instant, or at his own local time.

Local times go by zones: a member's, else his home store's, else the shop's; a name that is no zone
counts as the shop's. A time that a change of clocks leaves out is as much later as the clocks are
put forward; one that comes twice is the first of both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from crm.http.fields import read_instant
from crm.messages import hours
from crm.messages.policy import Policy

IF_PAST = ("now", "tomorrow", "skip")


@dataclass(frozen=True, slots=True)
class Due:
    """A zone's instant; None: its time has passed and such members are skipped. `day`: the local
    day on which messages may go, for the caps."""

    zone: str
    at: datetime | None
    day: date


def is_local(schedule: Mapping[str, Any]) -> bool:
    """Whether it goes by members' own clocks."""
    return "local_time" in schedule


def instant(schedule: Mapping[str, Any], now: datetime) -> datetime:
    """The one instant of a schedule that is not local."""
    return read_instant(schedule["at"]) if "at" in schedule else now


def dues(
    schedule: Mapping[str, Any],
    zones: Iterable[str],
    *,
    launched_at: datetime,
    channel: str,
    policy: Policy,
) -> list[Due]:
    """The instant of each zone, with `if_past` judged as of the launch."""
    open_hours = hours.hours_of(channel, "marketing", policy)
    found = []
    for zone in zones:
        at = _at(schedule, zone, launched_at, policy.timezone)
        clock = hours.local_clock(zone, at or launched_at, open_hours, policy.timezone)
        opens = clock.opens_at or at or launched_at
        day = hours.local_clock(zone, opens, None, policy.timezone).day
        found.append(Due(zone, at, day))
    return found


def _at(
    schedule: Mapping[str, Any], zone: str, launched_at: datetime, shop: str
) -> datetime | None:
    if not is_local(schedule):
        return max(instant(schedule, launched_at), launched_at)
    wanted = time.fromisoformat(schedule["local_time"])
    day = date.fromisoformat(schedule["on"])
    at = local_instant(zone, day, wanted, shop)
    if at >= launched_at:
        return at
    if schedule["if_past"] == "skip":
        return None
    return launched_at if schedule["if_past"] == "now" else _next(zone, launched_at, wanted, shop)


def _next(zone: str, now: datetime, wanted: time, shop: str) -> datetime:
    """The next time that the clock there says `wanted`."""
    today = hours.local_clock(zone, now, None, shop).day
    at = local_instant(zone, today, wanted, shop)
    return at if at >= now else local_instant(zone, today + timedelta(days=1), wanted, shop)


def local_instant(zone: str, day: date, wanted: time, shop: str) -> datetime:
    """The instant at which a zone's clock says so, in UTC."""
    return hours.start_of(zone, day, (wanted, wanted), shop).astimezone(UTC)
