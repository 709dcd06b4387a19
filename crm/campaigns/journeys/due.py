"""Who is due: one statement per journey, whatever the number of members and zones.

Each row is an occasion that nothing was done about yet. Why somebody gets nothing is found in the
same statement, in this order: it is too late; what the journey itself says; a record that was
merged into this one had the occasion; an open complaint; no consent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from crm.campaigns.journeys import moments
from crm.campaigns.journeys.definition import Due, Journey, Settings
from crm.campaigns.journeys.moments import Moment, Zones
from crm.db import as_rows, db
from crm.messages import planning
from crm.messages.states import CONSENT

TOO_LATE, DUPLICATE, OPTED_OUT = "too_late", "duplicate_person", "opted_out"
NOBODY, LAST = UUID(int=0), UUID(int=2**128 - 1)
UPTO = text("SELECT id FROM member WHERE id > :after ORDER BY id OFFSET :more LIMIT 1")

# A member with his day, by his zone, his home store's, else the shop's.
MEMBERS = """
    member m
    LEFT JOIN store st ON st.code = m.home_store
    LEFT JOIN known k ON k.zone = coalesce(m.timezone, st.timezone)
    JOIN moment z ON z.zone = coalesce(k.zone, :shop_zone)
"""

_FOUND = """
    WITH moment AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:moments AS json)) AS z (
            zone text, day date, at timestamptz, late timestamptz, since timestamptz,
            until timestamptz)
    ), known AS MATERIALIZED (
        SELECT k.zone FROM json_array_elements_text(CAST(:zones AS json)) AS k (zone)
    ), due AS (
        {sql}
    )
"""
_REASON = """
    CASE
        WHEN d.late <= :late_by THEN 'too_late'
        WHEN d.why IS NOT NULL THEN d.why
        WHEN EXISTS (
            SELECT FROM member x JOIN journey_occasion o ON o.key = journey_occasion_key(
                replace(d.occasion, d.member_id::text, x.id::text))
            WHERE x.merged_into = d.member_id) THEN 'duplicate_person'
        WHEN CAST(:on_case AS boolean) AND EXISTS (
            SELECT FROM message_block b WHERE b.member_id = d.member_id) THEN (
            SELECT min(b.reason) FROM message_block b WHERE b.member_id = d.member_id)
        WHEN CAST(:purpose AS text) = 'marketing' AND NOT EXISTS (
            SELECT FROM member_consent c
            WHERE c.member_id = d.member_id AND c.channel = ANY (CAST(:consents AS text[]))
              AND c.purpose = 'marketing' AND c.granted AND c.superseded_at IS NULL)
            THEN 'opted_out'
        WHEN CAST(:purpose AS text) = 'service' AND EXISTS (
            SELECT FROM member_consent c
            WHERE c.member_id = d.member_id AND c.channel = ANY (CAST(:consents AS text[]))
              AND c.purpose = 'service' AND NOT c.granted AND c.superseded_at IS NULL)
            THEN 'opted_out'
    END
"""
_NEW = """
    NOT EXISTS (SELECT FROM journey_occasion o WHERE o.key = journey_occasion_key(d.occasion))
"""
_PAGE = """{found}
    SELECT d.member_id, d.occasion, d.day, d.at, d.late, d.facts, d.ref, {reason} AS reason
    FROM due d
    WHERE d.member_id > :after AND d.member_id <= :upto AND {new}
    ORDER BY d.member_id, d.at, d.occasion LIMIT :most
"""
_FIRST = """{found} SELECT min(d.at) FROM due d WHERE {new} AND d.late > :late_by"""
_COUNT = """{found}
    SELECT c.day, c.state, c.reason, count(*) AS n FROM (
        SELECT d.day, o.state,
               CASE WHEN o.key IS NULL THEN {reason} ELSE o.reason END AS reason
        FROM due d LEFT JOIN journey_occasion o ON o.key = journey_occasion_key(d.occasion)
    ) c GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@cache
def _statement(form: str, sql: str) -> TextClause:
    return text(form.format(found=_FOUND.format(sql=sql), reason=_REASON, new=_NEW))


class Page(NamedTuple):
    """Occasions by member, none of whose is parted, and after which member to go on (None: nobody
    is left)."""

    rows: list[Due]
    after: UUID | None


def page(
    journey: Journey,
    settings: Settings,
    found: Sequence[Moment],
    zones: Zones,
    *,
    now: datetime,
    late_by: datetime,
    after: UUID = NOBODY,
    most: int,
) -> Page:
    """The next occasions, at most `most`. A journey for all members looks at so many members at a
    time, by their key; there may be none among them though others are left.

    `late_by`: what is too late by then gets the reason `too_late`.
    """
    values = _values(journey, settings, found, zones, now, late_by)
    if values is None:
        return Page([], None)
    upto = None
    if journey.for_all:
        upto = db.session.scalar(UPTO, {"after": after, "more": most - 1})
    values |= {"after": after, "upto": upto or LAST, "most": most + 1}
    rows = [Due(*row) for row in db.session.execute(_statement(_PAGE, journey.sql), values)]
    if len(rows) <= most:
        return Page(rows, upto)
    next_one = rows[most].member_id
    rows = [row for row in rows if row.member_id != next_one] or rows[:most]
    return Page(rows, rows[-1].member_id)


def counts(
    journey: Journey, settings: Settings, found: Sequence[Moment], zones: Zones, *, now: datetime
) -> Sequence[Any]:
    """How many occasions there are by day, state (None: not handled yet) and reason (None: would
    be given, as far as the statement knows), whether or not it is too late for them."""
    values = _values(journey, settings, found, zones, now, None)
    if values is None:
        return []
    return db.session.execute(_statement(_COUNT, journey.sql), values).all()


def first(
    journey: Journey, settings: Settings, found: Sequence[Moment], zones: Zones, *, now: datetime
) -> datetime | None:
    """When the first of these occasions comes for which it is not too late, if there are any."""
    values = _values(journey, settings, found, zones, now, now)
    if values is None:
        return None
    return db.session.scalar(_statement(_FIRST, journey.sql), values)


class Since(NamedTuple):
    """Since when a journey is on, was set as it is, and up to when all was handled."""

    enabled_at: datetime
    changed_at: datetime
    done_until: datetime


def window(
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


def _values(
    journey: Journey,
    settings: Settings,
    found: Sequence[Moment],
    zones: Zones,
    now: datetime,
    late_by: datetime | None,
) -> dict[str, Any] | None:
    """The parameters of the statement; None where nobody can be due."""
    more: Mapping[str, Any] | None = journey.values(settings, found, now) if found else None
    if more is None:
        return None
    purpose, consents = None, None
    if journey.must_be_told and settings["template"] is not None:
        said = planning.wording(settings["template"])
        purpose, consents = said.purpose, list(CONSENT[said.channel])
    return {
        "moments": as_rows([one._asdict() for one in found]),
        "zones": as_rows(zones.names),
        "shop_zone": zones.shop,
        "now": now,
        "late_by": late_by or datetime.min.replace(tzinfo=now.tzinfo),
        "on_case": journey.stops_on_case,
        "purpose": purpose,
        "consents": consents,
        **more,
    }
