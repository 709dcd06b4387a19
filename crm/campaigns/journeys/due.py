"""Who is due: one statement per journey, whatever the number of members and zones.

Each row is an occasion that nothing was done about yet. Why somebody gets nothing is found in the
same statement, in this order: it is too late; what the journey itself says; a record that was
merged into this one was given it; an open complaint; nothing by which he can be reached.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from crm.campaigns.journeys.definition import Due, Journey, Settings
from crm.campaigns.journeys.moments import Moment, Zones
from crm.db import as_rows, db
from crm.messages import reaching

TOO_LATE = "too_late"
NOBODY, LAST = UUID(int=0), UUID(int=2**128 - 1)
UPTO = text("SELECT id FROM member WHERE id > :after ORDER BY id OFFSET :more LIMIT 1")

# A member with his day, by his zone, his home store's, else the shop's.
MEMBERS = """
    member m
    LEFT JOIN store st ON st.code = m.home_store
    LEFT JOIN known k ON k.zone = coalesce(m.timezone, st.timezone)
    JOIN moment z ON z.zone = coalesce(k.zone, :shop_zone)
"""


def member(column: str) -> str:
    """Joins the active member whom a column names, with his day."""
    active = f"SELECT m.* FROM member m WHERE m.id = {column} AND m.status = 'active'"  # noqa: S608
    return f"JOIN LATERAL ({active}) m ON true {MEMBERS.partition('member m')[2]}"


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
                AND o.state = 'given'
            WHERE x.merged_into = d.member_id) THEN 'duplicate_person'
        WHEN CAST(:on_case AS boolean) AND EXISTS (
            SELECT FROM message_block b WHERE b.member_id = d.member_id) THEN (
            SELECT min(b.reason) FROM message_block b WHERE b.member_id = d.member_id)
        WHEN CAST(:must_be_told AS boolean) THEN r.why
    END
"""
_REACHED = """
    CASE WHEN r.why IS NULL THEN r.template END AS template,
    CASE WHEN r.why IS NULL THEN r.channel END AS channel
"""
_NEW = """
    NOT EXISTS (SELECT FROM journey_occasion o WHERE o.key = journey_occasion_key(d.occasion))
"""
_PAGE = """{found}, {way}
    SELECT d.member_id, d.occasion, d.day, d.at, d.late, d.facts, d.ref, {reason} AS reason,
           {reached}
    FROM due d LEFT JOIN LATERAL ({ways}) r ON true
    WHERE d.member_id > :after AND d.member_id <= :upto AND {new}
    ORDER BY d.member_id, d.at, d.occasion LIMIT :most
"""
_FIRST = """{found} SELECT min(d.at) FROM due d WHERE {new}"""
_COUNT = """{found}, {way}
    SELECT c.day, c.state, c.reason, c.channel, count(*) AS n FROM (
        SELECT d.day, o.state,
               CASE WHEN o.key IS NULL THEN {reason} ELSE o.reason END AS reason,
               CASE WHEN r.why IS NULL THEN r.channel END AS channel
        FROM due d LEFT JOIN journey_occasion o ON o.key = journey_occasion_key(d.occasion)
        LEFT JOIN LATERAL (SELECT * FROM ({ways}) w WHERE o.key IS NULL) r ON true
    ) c GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


@cache
def _statement(form: str, sql: str) -> TextClause:
    ways = reaching.REACHED.format(member="d.member_id")
    return text(
        form.format(
            found=_FOUND.format(sql=sql), reason=_REASON, new=_NEW,
            way=reaching.WAYS, ways=ways, reached=_REACHED,
        )
    )  # fmt: skip


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
    values = _values(journey, settings, found, zones, now)
    if values is None:
        return Page([], None)
    values |= _asked(journey, settings, late_by)
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
    """How many occasions there are by day, state (None: not handled yet), reason (None: would be
    given, as far as the statement knows) and the channel by which they would be told, whether or
    not it is too late for them."""
    values = _values(journey, settings, found, zones, now)
    if values is None:
        return []
    values |= _asked(journey, settings, None)
    return db.session.execute(_statement(_COUNT, journey.sql), values).all()


def first(
    journey: Journey, settings: Settings, found: Sequence[Moment], zones: Zones, *, now: datetime
) -> datetime | None:
    """When the first of these occasions comes that nothing was done about, if there are any."""
    values = _values(journey, settings, found, zones, now)
    if values is None:
        return None
    return db.session.scalar(_statement(_FIRST, journey.sql), values)


def _values(
    journey: Journey,
    settings: Settings,
    found: Sequence[Moment],
    zones: Zones,
    now: datetime,
) -> dict[str, Any] | None:
    """Whom the statement looks for; None where nobody can be due."""
    more: Mapping[str, Any] | None = journey.values(settings, found, now) if found else None
    if more is None:
        return None
    return {
        "moments": as_rows([one._asdict() for one in found]),
        "zones": as_rows(zones.names),
        "shop_zone": zones.shop,
        "now": now,
        "first": min(one.since for one in found),
        "last": max(one.until for one in found),
        **more,
    }


def _asked(journey: Journey, settings: Settings, late_by: datetime | None) -> dict[str, Any]:
    """What a reason is found by: how members can be reached, whether a complaint counts, what is
    too late (None: nothing)."""
    templates = [settings["template"], settings["fallback_template"]]
    return {
        "on_case": journey.stops_on_case,
        "must_be_told": journey.must_be_told,
        "ways": reaching.ways([one for one in templates if one is not None]),
        "late_by": late_by or datetime.min.replace(tzinfo=UTC),
    }
