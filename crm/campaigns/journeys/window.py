"""Since when a journey counts, and which moments a tick looks at: those that are not done yet."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from crm.campaigns.journeys import moments
from crm.campaigns.journeys.definition import Journey, Settings
from crm.campaigns.journeys.moments import Moment, Zones
from crm.db import as_rows, db

DONE = text("""
    UPDATE journey SET done_until = :until
    WHERE done_until < :until AND code IN (
        SELECT j.code FROM journey j
        JOIN json_to_recordset(CAST(:rows AS json)) AS r (code text, version integer)
            ON r.code = j.code AND r.version = j.version
        ORDER BY j.code FOR UPDATE OF j SKIP LOCKED)
""")


class Since(NamedTuple):
    """Since when a journey is on, was set as it is, and up to when all was handled."""

    enabled_at: datetime
    changed_at: datetime
    done_until: datetime


def moments_of(
    journey: Journey, settings: Settings, zones: Zones, since: Since, now: datetime
) -> list[Moment]:
    """The moments that a tick at `now` looks at: those since the last one, and, where facts may
    come late, those for which it is not too late. Never of days before it was switched on.

    What is too late by now was missed only if it came under the settings of now: a change makes
    nobody's occasion expire.
    """
    timing = journey.timing(settings)
    after = since.done_until
    if journey.facts_come_late:
        after = min(after, now - moments.ONE_DAY * (timing.lateness_days + 2))
    first = {
        zone: moments.local_day(since.enabled_at, moments.zone_of(zone)) for zone in zones.names
    }
    missed = max(since.done_until, since.changed_at)
    return [
        one
        for one in moments.between(zones.names, timing, after, now)
        if one.day >= first[one.zone]
        and (one.late > now or (one.at if timing.send_at else one.until) > missed)
    ]


def note_done(versions: Mapping[str, int], until: datetime) -> None:
    """Every occasion of these journeys up to this instant was handled, by the versions that they
    have; those that were changed, or are being handled, by somebody else are left alone."""
    rows = [{"code": code, "version": version} for code, version in versions.items()]
    if rows:
        db.session.execute(DONE, {"rows": as_rows(rows), "until": until})
