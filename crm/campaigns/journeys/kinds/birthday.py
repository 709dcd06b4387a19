"""Birthday: on the day, some days before it, or on the first day of its month.

By the solar or the lunar calendar, whichever the member's birthday is of. The year in the occasion
is that of the calendar: a lunar birthday of the twelfth month belongs to the year that ends.

A tier's own birthday points and coupon take the place of what is set. The tier's coupon is the one
that `tiers.benefits` gives on the birthday too, under one occasion: whoever is first gives it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns.journeys import settings
from crm.campaigns.journeys.definition import Decision, Due, Journey, Settings, usual
from crm.campaigns.journeys.due import MEMBERS
from crm.campaigns.journeys.moments import Moment
from crm.coupons.benefits import granting, promises
from crm.coupons.benefits.due import FELL_BACK
from crm.db import as_rows, db
from crm.errors import N_
from crm.members.birthdays import celebrated_on
from crm.members.tiers import ladders

SQL = f"""
    SELECT m.id AS member_id, 'birthday:birthday:' || m.id || ':' || b.year AS occasion, z.day,
           z.at, z.late, jsonb_build_object('event', jsonb_build_object('day', b.celebrated))
               AS facts, CAST(b.year AS text) AS ref, NULL AS why
    FROM json_to_recordset(CAST(:birthdays AS json)) AS b (
        "on" date, celebrated date, calendar text, month smallint, day smallint, year integer)
    JOIN LATERAL (
        SELECT m.* FROM member m
        WHERE m.birthday_month = b.month AND m.birthday_day = b.day
          AND m.birthday_calendar = b.calendar AND m.status = 'active'
    ) m ON true
    {MEMBERS.partition("member m")[2]} AND z.day = b."on"
"""  # noqa: S608  # a constant of this module

TIERS = text("SELECT member_id, held FROM tier_standing WHERE member_id = ANY (:members)")
HAVE = text("""
    SELECT c.member_id, c.template_id, c.source_id, c.occasion FROM coupon c
    JOIN json_to_recordset(CAST(:rows AS json)) AS r (member_id uuid, occasion text)
        ON r.member_id = c.member_id AND r.occasion = c.occasion
    WHERE c.void_reason IS DISTINCT FROM :fell_back
""")
DAYS_OF_MONTH = range(1, 32)


def _ahead(given: Settings) -> int:
    return given["days_before"] if given["when"] == "days_before" else 0


def _values(given: Settings, moments: Sequence[Moment], now: datetime) -> Mapping[str, Any] | None:
    rows = [row for day in {one.day for one in moments} for row in _born(given, day)]
    return {"birthdays": as_rows(rows)} if rows else None


def _born(given: Settings, on: date) -> list[dict[str, Any]]:
    """The birthdays for which a local day is the occasion."""
    if given["when"] == "month":
        return [
            one._asdict() | {"on": on, "celebrated": on, "day": day}
            for one in celebrated_on(on, leap_day="feb28")
            if one.day == 1
            for day in DAYS_OF_MONTH
        ]
    day = on + timedelta(days=_ahead(given))
    return [
        one._asdict() | {"on": on, "celebrated": day}
        for one in celebrated_on(day, leap_day=given["leap_day"])
    ]


def _decide(rows: Sequence[Due], given: Settings, now: datetime) -> list[Decision]:
    if not given["by_tier"]:
        return [usual(row, given) for row in rows]
    ladder = ladders.load().at(now)
    brings = {tier.code: (tier.benefits, promises.of(tier).birthday) for tier in ladder.tiers}
    if not any(coupon or benefits.get("birthday_points") for benefits, coupon in brings.values()):
        return [usual(row, given) for row in rows]
    if any(coupon for _, coupon in brings.values()):
        db.session.execute(granting.ONE_AT_A_TIME)
    members = [row.member_id for row in rows]
    tiers = {row.member_id: row.held for row in db.session.execute(TIERS, {"members": members})}
    had = _had(rows)
    found = []
    for row in rows:
        code = ladder.tier(tiers.get(row.member_id, "")).code
        benefits, coupon = brings[code]
        found.append(_of_tier(row, given, code, benefits, coupon, had.get(row.member_id)))
    return found


def _had(rows: Sequence[Due]) -> dict[UUID, tuple[UUID, str]]:
    """The birthday coupons of tiers that these members have already: template and tier."""
    asked = [{"member_id": row.member_id, "occasion": _tier_occasion(row)} for row in rows]
    found = db.session.execute(HAVE, {"rows": as_rows(asked), "fell_back": FELL_BACK})
    return {row.member_id: (row.template_id, row.source_id) for row in found}


def _tier_occasion(row: Due) -> str:
    return f"tier:birthday:{row.ref}"


def _of_tier(
    row: Due,
    given: Settings,
    tier: str,
    benefits: Mapping[str, Any],
    coupon: UUID | None,
    had: tuple[UUID, str] | None,
) -> Decision:
    points = benefits.get("birthday_points") or given["points"]
    if had is not None:
        coupon, tier = had
    if coupon is None:
        return Decision(points=points, coupon=given["coupon_template"], variables=row.facts)
    return Decision(
        points=points,
        coupon=coupon,
        variables=row.facts,
        coupon_occasion=_tier_occasion(row),
        coupon_source=(granting.SOURCE, tier),
    )


JOURNEY = Journey(
    code="birthday",
    name=N_("Birthday"),
    told=N_("Greets members on their birthday, with points and a coupon by tier."),
    schema=settings.Birthday,
    sql=SQL,
    values=_values,
    decide=_decide,
    facts_come_late=True,
    must_be_told=False,
    stops_on_case=False,
    priority=300,
)
