"""What the shop owes its members in points: figures, months of expiry, expected breakage."""

from datetime import date, datetime, timedelta, tzinfo
from typing import Any, cast

import marshmallow as ma
from flask import render_template, request

from crm import clock
from crm.console import charts, formats
from crm.console.blueprint import blp
from crm.console.words import say
from crm.errors import N_, NN_
from crm.http import Schema, fields, problems
from crm.http.permissions import needs
from crm.http.schema import invalid
from crm.points import liability, programme

INSTANT = timedelta(microseconds=1)
MONTHS_DRAWN = 12
STATES = ("outstanding", "available", "pending", "held", "debt")


class LiabilityQuery(Schema):
    """The end of a day; now without it."""

    as_of = fields.Day(load_default=None)

    @ma.validates("as_of")
    def within_reason(self, value: date | None, **_: Any) -> None:
        """A day of the years that instants are kept for."""
        if value is not None and not 1970 <= value.year < 2200:
            raise fields.wrong("out_of_range", N_("The year must be between 1970 and 2200."))


@blp.get("/liability")
@needs("ledger:read")
def liability_page() -> str | tuple[str, int]:
    """The liability now, or at the end of a day by the shop's calendar."""
    now = clock.now()
    zone = programme.current(now).zone
    given = {name: value for name, value in request.args.items() if value}
    wrong, day = "", None
    try:
        day = cast(dict[str, Any], LiabilityQuery().load(given))["as_of"]
    except ma.ValidationError as error:
        mistake = invalid(error).errors[0]
        if mistake.pointer != "/as_of":
            raise invalid(error) from None
        wrong = problems.say(mistake.detail, mistake.facts)
    at = _end(day, now, zone)
    found = liability.report(at, now=now)
    page = render_template(
        "liability.html",
        tiles={name: _worth(found[name]) for name in STATES},
        said=_said(day, at, now),
        typed=given.get("as_of", ""),
        wrong=wrong,
        months=_months(found, at.astimezone(zone).date()),
        chart=_chart(found, at.astimezone(zone).date()),
        never=found["never_expiring"]["points"],
        breakage=_breakage(found),
    )
    return (page, 422) if wrong else page


def _end(day: date | None, now: datetime, zone: tzinfo) -> datetime:
    if day is None or day == now.astimezone(zone).date():
        return now
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone) - INSTANT


def _said(day: date | None, at: datetime, now: datetime) -> str:
    if day is None or at == now:
        return ""
    text = N_("at the end of {day}") if at < now else N_("at the end of {day}, if nothing happens")
    return say(text, day=day.isoformat())


def _worth(found: dict[str, Any]) -> dict[str, str]:
    """Points and their value as people read them."""
    value = found["value"]
    return {
        "points": formats.number(found["points"]),
        "value": formats.money(value["amount"], value["currency"]),
    }


def _months(found: dict[str, Any], today: date) -> list[dict[str, Any]]:
    return [
        {"name": _name(row, today), **_worth(row)}
        | {"lapse": _worth(row["expected_to_lapse"]) if row["expected_to_lapse"] else None}
        for row in found["expiring"]
    ]


def _name(row: dict[str, Any], today: date) -> str:
    return formats.month(date.fromisoformat(row["month"] + "-01"), today)


def _chart(found: dict[str, Any], today: date) -> dict[str, Any] | None:
    """The first months as bars: what expires, and what of it is expected to lapse unused."""
    rows = found["expiring"][:MONTHS_DRAWN]
    if not rows:
        return None
    lapsing = [(row["expected_to_lapse"] or {"points": 0})["points"] for row in rows]
    shares = [
        (_name(row, today), row["points"], lapse) for row, lapse in zip(rows, lapsing, strict=True)
    ]
    texts = [
        (formats.number(points), formats.number(lapse) if found["expected_redemption"] else "")
        for _, points, lapse in shares
    ]
    finding = say(
        NN_(
            "{points} of {all} point that is owed expires in the months shown.",
            "{points} of {all} points that are owed expire in the months shown.",
            "all",
        ),
        points=formats.number(sum(row["points"] for row in rows)),
        all=formats.number(found["outstanding"]["points"]),
    )
    return {"rows": charts.paired_bars(shares, texts, room=180), "finding": finding}


def _breakage(found: dict[str, Any]) -> dict[str, Any]:
    told = found["breakage"]
    shown = {
        "lots": told["lots"],
        "needed": formats.number(told["lots_needed"]),
        "known": told["status"] == "estimated",
    }
    if not shown["known"]:
        return shown
    owed = found["outstanding"]["points"]
    return shown | {
        "worth": _worth(told),
        "share": formats.percent(told["points"] / owed, 1) if owed else "",
        "redeemed": _worth(found["expected_redemption"]),
        "lapsed": formats.percent(told["lapsed_share"], 1),
        "ages": [
            {
                "age": formats.percent(row["age_percent"] / 100),
                "left": formats.percent(row["remaining_share"], 1),
                "lapse": formats.percent(row["lapse_share"], 1),
            }
            for row in told["survival"]
        ],
    }
