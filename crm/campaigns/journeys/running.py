"""A journey's tick: every occasion that has come is handled once, in transactions of a thousand.

A tick that dies goes on where it was: what was handled has a row, and up to which instant all was
handled stands in the journey's own, under whose lock one worker at a time handles occasions.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import giving
from crm.campaigns.gifts import Given, Wanted
from crm.campaigns.journeys import due, moments, switching, window
from crm.campaigns.journeys.definition import Decision, Due
from crm.campaigns.journeys.due import TOO_LATE
from crm.campaigns.journeys.switching import Switched
from crm.db import as_rows, db
from crm.ids import digest_id, uuid7

CHUNK = 1000

WRITE = text("""
    INSERT INTO journey_occasion (
        key, id, member_id, journey, occasion, day, at, state, reason, points, coupon_code, told,
        ref, created_at)
    SELECT r.key, r.id, r.member_id, :journey, r.occasion, r.day, r.at, r.state, r.reason,
           r.points, r.coupon_code, r.told, r.ref, :now
    FROM json_to_recordset(CAST(:rows AS json)) AS r (
        key uuid, id uuid, member_id uuid, occasion text, day date, at timestamptz, state text,
        reason text, points bigint, coupon_code text, told boolean, ref text)
""")
COUNT = text("""
    INSERT INTO journey_count AS c (journey, day, state, reason, n, points, coupons)
    SELECT :journey, r.day, r.state, r.reason, r.n, r.points, r.coupons
    FROM json_to_recordset(CAST(:rows AS json)) AS r (
        day date, state text, reason text, n bigint, points bigint, coupons bigint)
    ORDER BY r.day, r.state, r.reason
    ON CONFLICT (journey, day, state, reason) DO UPDATE
    SET n = c.n + excluded.n, points = c.points + excluded.points,
        coupons = c.coupons + excluded.coupons
""")


class Step(NamedTuple):
    """What one transaction came to: how many occasions, and after which member to go on (None:
    nobody is left)."""

    handled: int
    after: UUID | None


def step(code: str, after: UUID, *, now: datetime) -> Step:
    """Handle the next occasions of a journey, those of a thousand members at most. The last step
    notes up to when all is handled. Of a journey that is off there is nothing to do."""
    switched = switching.lock(code)
    since = switched.since
    if since is None:
        return Step(0, None)
    journey, settings, zones = switched.journey, switched.settings, moments.used(now)
    found = window.moments_of(journey, settings, zones, since, now)
    rows, following = due.page(
        journey, settings, found, zones, now=now, late_by=now, after=after, most=CHUNK
    )
    if rows:
        _handle(switched, rows, now)
    if following is None:
        window.note_done({code: switched.version}, now)
    return Step(len(rows), following)


def _handle(switched: Switched, rows: Sequence[Due], now: datetime) -> None:
    journey, settings = switched.journey, switched.settings
    decisions = decide(switched, rows, now)
    places = [place for place, one in enumerate(decisions) if one.reason is None]
    if journey.prepare is not None and places:
        chosen = [rows[place] for place in places], [decisions[place] for place in places]
        for place, one in zip(places, journey.prepare(*chosen, settings, now), strict=True):
            decisions[place] = one
    given = giving.give(
        [_wanted(rows[place], decisions[place]) for place in places],
        source=journey.source, activity=journey.code, template_id=settings["template"], now=now,
        priority=journey.priority, fallback_template_id=settings["fallback_template"],
    )  # fmt: skip
    came: dict[int, Given] = dict(zip(places, given, strict=True))
    _write(
        journey.code,
        [
            _written(row, came.get(place) or Given(refused=decisions[place].reason))
            for place, row in enumerate(rows)
        ],
        now,
    )


def decide(switched: Switched, rows: Sequence[Due], now: datetime) -> list[Decision]:
    """What each gets, or why he gets nothing; the journey is asked about those alone for whom
    nothing stood in the way so far."""
    open_ = [row for row in rows if row.reason is None]
    decided = iter(switched.journey.decide(open_, switched.settings, now) if open_ else [])
    return [next(decided) if row.reason is None else Decision(reason=row.reason) for row in rows]


def _wanted(row: Due, one: Decision) -> Wanted:
    return Wanted(
        row.member_id,
        row.occasion,
        points=one.points,
        coupon=one.coupon,
        variables=one.variables,
        due_at=row.at,
        not_after=row.late,
        coupon_occasion=one.coupon_occasion,
        coupon_source=one.coupon_source,
        template_id=row.template,
    )


def _written(row: Due, came: Given) -> dict:
    state = "given"
    if came.refused is not None:
        state = "expired" if came.refused == TOO_LATE else "skipped"
    return {
        "key": digest_id("journey", row.occasion), "id": uuid7(), "member_id": row.member_id,
        "occasion": row.occasion, "day": row.day, "at": row.at, "state": state,
        "reason": came.refused, "points": came.points, "coupon_code": came.coupon,
        "told": came.told, "ref": row.ref,
    }  # fmt: skip


def _write(code: str, rows: Sequence[dict], now: datetime) -> None:
    """Write what came of these occasions, and count it."""
    db.session.execute(WRITE, {"journey": code, "rows": as_rows(rows), "now": now})
    counts: Counter[tuple] = Counter()
    points: Counter[tuple] = Counter()
    coupons: Counter[tuple] = Counter()
    for row in rows:
        key = (row["day"], row["state"], row["reason"] or "")
        counts[key] += 1
        points[key] += row["points"]
        coupons[key] += row["coupon_code"] is not None
    told = [
        {"day": day, "state": state, "reason": reason, "n": n,
         "points": points[day, state, reason], "coupons": coupons[day, state, reason]}
        for (day, state, reason), n in counts.items()
    ]  # fmt: skip
    db.session.execute(COUNT, {"journey": code, "rows": as_rows(told)})
