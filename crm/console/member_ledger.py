"""A member's ledger: what is there now or was on a day, every entry with its lots, the download."""

from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import marshmallow as ma
from flask import render_template, request

from crm import clock
from crm.console import ledger_chart, ledger_lots, ledger_words, mistakes, origins, person
from crm.console.blueprint import blp
from crm.console.words import say
from crm.errors import N_, Invalid
from crm.http import Schema, fields, problems
from crm.http.permissions import needs
from crm.members import profiles
from crm.points import balances, browsing, programme

SHOWN = 50
MOST_LOTS = 100
INSTANT = timedelta(microseconds=1)


class LedgerQuery(Schema):
    """What of the ledger: a page, one kind of entry, the balance at the end of a day."""

    cursor = fields.Text(500, load_default=None)
    kind = fields.Choice(*ledger_words.KINDS, load_default=None)
    as_of = fields.Day(load_default=None)

    @ma.validates("as_of")
    def within_reason(self, value: date | None, **_: Any) -> None:
        """A day of the years that instants are kept for."""
        if value is not None and not 1970 <= value.year < 2200:
            raise fields.wrong("out_of_range", N_("The year must be between 1970 and 2200."))


@blp.get("/members/<uuid:member_id>/ledger")
@needs("points:read")
def member_ledger(member_id: UUID) -> str | tuple[str, int]:
    """Figures, the balance over time, open lots, and all entries, a page of them at a time."""
    now = clock.now()
    found = person.load(member_id)
    zone = zone_of(member_id, now)
    given = {name: value for name, value in request.args.items() if value}
    try:
        asked, wrong = mistakes.load(LedgerQuery(), given), ""
    except Invalid as refused:
        (error, *others) = refused.errors
        if others or error.pointer != "/as_of":
            raise
        wrong = problems.say(error.detail, error.facts)
        asked = mistakes.load(LedgerQuery(), given | {"as_of": f"{now.astimezone(zone):%Y-%m-%d}"})
    page = render_template(
        "ledger.html",
        member=person.shown(found),
        as_of=_as_of(member_id, asked["as_of"], now, zone),
        wrong=wrong,
        typed=given.get("as_of", ""),
        coming=ledger_lots.coming(balances.balance(member_id, now, now=now), now, zone),
        chart=ledger_chart.chart(browsing.days(member_id, zone.key, now=now), now, zone),
        lots=_lots(member_id, now, zone),
        holds=ledger_lots.held(browsing.holds(member_id, MOST_LOTS, now=now), now, zone),
        kinds=browsing.kinds(member_id),
        kind_names=ledger_words.KINDS,
        kind=asked["kind"],
        **_entries(member_id, asked, zone),
    )
    return (page, 422) if wrong else page


def zone_of(member_id: UUID, now: datetime) -> ZoneInfo:
    """The clock by which this member's days are told. Raises `MemberNotFound`."""
    default = programme.current(now).timezone
    return ZoneInfo(profiles.require_facts(member_id, default_zone=default).zone)


def _as_of(member_id: UUID, day: date | None, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """The figures at the end of `day`; today's are those of this moment."""
    if day is None or day == now.astimezone(zone).date():
        return balances.balance(member_id, now, now=now) | {"day": None, "said": ""}
    end = datetime(*(day + timedelta(days=1)).timetuple()[:3], tzinfo=zone) - INSTANT
    text = N_("at the end of {day}") if end < now else N_("at the end of {day}, if nothing happens")
    said = say(text, day=day.isoformat())
    return balances.balance(member_id, end, now=now) | {"day": day, "said": said}


def _lots(member_id: UUID, now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    rows = browsing.open_lots(member_id, MOST_LOTS, now=now)
    known = origins.of(rows)
    return [ledger_lots.open_lot(row, known, now, zone) for row in rows]


def _entries(member_id: UUID, asked: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    page = browsing.entries(member_id, SHOWN, asked["cursor"], kind=asked["kind"])
    rows = page["data"]
    lots = browsing.touched(member_id, [row.seq for row in rows])
    known = origins.of([*(one for some in lots.values() for one in some), *rows])
    return {
        "entries": [_entry(row, lots[row.seq], known, zone) for row in rows],
        "cursor": page["next_cursor"],
    }


def _entry(
    row: Any, lots: list[browsing.Touch], known: origins.Origins, zone: tzinfo
) -> dict[str, Any]:
    happened, recorded = row.occurred_at.astimezone(zone), row.recorded_at.astimezone(zone)
    late = abs(recorded - happened) >= timedelta(minutes=1)
    return {
        "seq": row.seq,
        "what": ledger_words.kind(row.kind, row.source_type),
        "origin": known.get(origins.key(row), origins.NOWHERE),
        "explained": ledger_words.is_explained(row.kind, row.source_type),
        "points": row.points,
        "balance": row.balance_after,
        "happened": f"{happened:%Y-%m-%d %H:%M}",
        "recorded": f"{recorded:%Y-%m-%d %H:%M}" if late else "",
        "actor": row.actor or "",
        "why": [text for text in (row.reason, (row.data or {}).get("note")) if text],
        "lots": [ledger_lots.touch(one, known, zone) for one in lots],
    }
