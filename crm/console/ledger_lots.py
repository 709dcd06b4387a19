"""The lots of a ledger in sentences: which one an entry opened, took from or gave back to."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from crm.console import formats, ledger_words
from crm.console.origins import NOWHERE, Origins, key
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.i18n import gettext
from crm.points.browsing import Touch

INSTANT = timedelta(microseconds=1)
SOON = timedelta(days=30)


def touch(item: Touch, origins: Origins, zone: tzinfo) -> dict[str, Any]:
    """One lot under its entry: what happened to it, and until when its points can be spent."""
    points, name = abs(item.points), _name(item, origins)
    if item.how == "opened":
        what = ngettext("Opened a lot of {count} point", "Opened a lot of {count} points", points)
    elif item.how == "held":
        what = ngettext(
            "Held {count} point of {lot}", "Held {count} points of {lot}", points, lot=name
        )
    elif item.points < 0:
        what = ngettext(
            "Took {count} point from {lot}", "Took {count} points from {lot}", points, lot=name
        )
    else:
        what = ngettext(
            "Gave {count} point back to {lot}",
            "Gave {count} points back to {lot}",
            points,
            lot=name,
        )
    return {"what": what, "until": until(item.expires_at, zone)}


def _name(item: Touch, origins: Origins) -> str:
    known = origins.get(key(item), NOWHERE).label or ledger_words.kind(item.kind, item.source_type)
    return say(N_("the lot of entry {seq} ({source})"), seq=item.opened_by, source=known)


def until(expires: datetime | None, zone: tzinfo) -> str:
    """The last day on which points of a lot can be spent."""
    if expires is None:
        return gettext(N_("never expires"))
    return say(N_("usable until {day}"), day=_last_day(expires, zone).isoformat())


def _last_day(expires: datetime, zone: tzinfo) -> date:
    return (expires - INSTANT).astimezone(zone).date()


def open_lot(row: Any, origins: Origins, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """One of `crm.points.browsing.open_lots` as the page shows it."""
    pending = row.available_at is None or row.available_at > now
    expires = row.expires_at
    return {
        "seq": row.opened_by,
        "origin": origins.get(key(row), NOWHERE),
        "what": ledger_words.kind(row.kind, row.source_type),
        "size": row.size,
        "remaining": row.remaining,
        "held": row.held,
        "share": 100 * row.remaining / row.size,
        "pending": pending,
        "soon": expires is not None and expires <= now + SOON and not pending,
        "from": _available(row.available_at, zone),
        "until": _last_day(expires, zone).isoformat() if expires else gettext(N_("for ever")),
    }


def _available(available: datetime | None, zone: tzinfo) -> str:
    if available is None:
        return gettext(N_("not released yet"))
    return available.astimezone(zone).date().isoformat()


def held(rows: Iterable[Any], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Holds in force: for what, how many points, until when."""
    return [
        {
            "when": formats.begun(formats.moment(row.expires_at, now, zone)),
            "points": row.points,
            "reference": row.reference,
        }
        for row in rows
    ]


def coming(balance: Mapping[str, Any], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """What the next days bring if nothing else happens: releases (+) and lapses (−), by day."""
    today = now.astimezone(zone).date()
    releases = [
        (row["available_at"], row["points"], N_("become available"))
        for row in balance["pending_release"]
    ]
    lapses = [
        (row["expires_at"] - INSTANT, -row["points"], N_("expire after this day"))
        for row in balance["expiring"]
    ]
    return [
        {
            "day": formats.day(at.astimezone(zone).date(), today),
            "points": points,
            "what": gettext(what),
            "soon": points < 0 and at <= now + SOON,
        }
        for at, points, what in sorted(releases + lapses, key=lambda item: item[0])
    ]
