"""Who is to get which coupon of his tier: set-based, for a slot of the clock.

A member gets what the tier brings that he held at the slot, or the one that he holds now if that is
lower: a slot that is made up for late gives nobody more than he had then, nor what was lost since.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.coupons.benefits.promises import Promise
from crm.db import as_rows, db
from crm.members.birthdays import celebrated_on
from crm.members.tiers.ladder import Ladder

FELL_BACK = "tier_fell_back"
DAY = timedelta(days=1)

HOLDERS = text("""
    SELECT member_id FROM tier_standing
    WHERE held = ANY (:codes) AND member_id > :after ORDER BY member_id LIMIT :limit
""")
BORN = text("""
    SELECT DISTINCT m.id
    FROM json_to_recordset(CAST(:days AS json)) AS d (calendar text, month smallint, day smallint)
    JOIN member m ON m.birthday_month = d.month AND m.birthday_day = d.day
        AND m.birthday_calendar = d.calendar
    WHERE m.status = 'active' AND m.id > :after ORDER BY m.id LIMIT :limit
""")

# The tier at the slot stands in the history, which has every change of what was held.
_who = """
    WITH rung AS (
        SELECT * FROM json_to_recordset(CAST(:rungs AS json)) AS r (code text, rank integer)
    ), promise AS (
        SELECT * FROM json_to_recordset(CAST(:promises AS json)) AS p (
            rank integer, tier text, suffix text)
    ), who AS (
        SELECT s.member_id, least(held.rank, was.rank) AS rank,
               CAST(:slot AT TIME ZONE coalesce(m.timezone, st.timezone, z.zone) AS date) AS today,
               m.birthday_calendar, m.birthday_month, m.birthday_day
        FROM tier_standing s
        JOIN member m ON m.id = s.member_id AND m.status = 'active'
        LEFT JOIN store st ON st.code = m.home_store
        CROSS JOIN (SELECT shop_timezone(:slot) AS zone) z
        JOIN rung held ON held.code = s.held
        JOIN LATERAL (
            SELECT c.to_tier FROM tier_change c
            WHERE c.member_id = s.member_id AND c.at <= :slot ORDER BY c.at DESC, c.id DESC LIMIT 1
        ) c ON true
        JOIN rung was ON was.code = c.to_tier
        WHERE s.member_id = ANY (:members)
    )
"""
OF_MONTH = text(f"""{_who}
    SELECT w.member_id, p.tier, p.occasion
    FROM who w
    JOIN LATERAL (
        SELECT p.tier, 'tier:month:' || to_char(w.today, 'YYYY-MM') || p.suffix AS occasion
        FROM promise p WHERE p.rank = w.rank
    ) p ON true
    WHERE NOT EXISTS (
        SELECT FROM coupon c WHERE c.template_id = :template AND c.member_id = w.member_id
            AND c.occasion = p.occasion)
    ORDER BY w.member_id, p.occasion
""")  # noqa: S608  # a constant of this module
# One birthday coupon a year, of whichever tier; a local day that the clock's change made short has
# no slot, so the next one looks back on it.
OF_BIRTHDAY = text(f"""{_who}
    , born AS (
        SELECT * FROM json_to_recordset(CAST(:days AS json)) AS d (
            "on" date, calendar text, month smallint, day smallint, year integer)
    )
    SELECT w.member_id, p.tier, 'tier:birthday:' || max(d.year) AS occasion
    FROM who w
    JOIN promise p ON p.rank = w.rank
    JOIN born d ON d.calendar = w.birthday_calendar AND d.month = w.birthday_month
        AND d.day = w.birthday_day AND d."on" BETWEEN w.today - 1 AND w.today
    WHERE NOT EXISTS (
        SELECT FROM coupon c WHERE c.member_id = w.member_id
            AND c.occasion = 'tier:birthday:' || d.year
            AND c.void_reason IS DISTINCT FROM :fell_back)
    GROUP BY w.member_id, p.tier ORDER BY w.member_id
""")  # noqa: S608  # as above


def holders(
    ladder: Ladder, promised: Iterable[Promise], after: UUID | None, limit: int
) -> list[UUID]:
    """Members on tiers that promise something, ascending by id."""
    ranks = {one.rank for one in promised}
    codes = [code for code, rank in _rungs(ladder) if rank >= min(ranks)]
    values = {"codes": codes, "after": after or UUID(int=0), "limit": limit}
    return list(db.session.scalars(HOLDERS, values))


def born(slot: datetime, after: UUID | None, limit: int) -> list[UUID]:
    """Members whose birthday may be today or was yesterday wherever they are, ascending by id."""
    values = {"days": as_rows(_days(slot)), "after": after or UUID(int=0), "limit": limit}
    return list(db.session.scalars(BORN, values))


def of_month(
    members: Sequence[UUID],
    template: UUID,
    promised: Iterable[Promise],
    *,
    ladder: Ladder,
    slot: datetime,
) -> Sequence[Any]:
    """Which of these members lack a coupon of a template that is theirs for the local month.

    Rows of member_id, tier, occasion.
    """
    values = _values(members, promised, ladder, slot) | {"template": template}
    return db.session.execute(OF_MONTH, values).all()


def of_birthday(
    members: Sequence[UUID], promised: Iterable[Promise], *, ladder: Ladder, slot: datetime
) -> Sequence[Any]:
    """Which of these members have a birthday today or yesterday, and no coupon of a tier for it."""
    values = _values(members, promised, ladder, slot)
    values |= {"days": as_rows(_days(slot)), "fell_back": FELL_BACK}
    return db.session.execute(OF_BIRTHDAY, values).all()


def _values(
    members: Sequence[UUID], promised: Iterable[Promise], ladder: Ladder, slot: datetime
) -> dict[str, Any]:
    said = [{"rank": one.rank, "tier": one.tier, "suffix": one.suffix} for one in promised]
    rungs = [{"code": code, "rank": rank} for code, rank in _rungs(ladder)]
    return {
        "members": list(members), "slot": slot, "promises": as_rows(said), "rungs": as_rows(rungs),
    }  # fmt: skip


def _rungs(ladder: Ladder) -> list[tuple[str, int]]:
    """Every code that this or an earlier ladder has had, and how high it stands on this one."""
    codes = [*ladder.ranks, *ladder.vanished]
    return [(code, ladder.rank(code)) for code in codes]


def _days(slot: datetime) -> list[dict[str, Any]]:
    """The birthdays of every day that it may be anywhere, and of the day before."""
    middle = slot.astimezone(UTC).date()
    days: list[date] = [middle + DAY * offset for offset in (-2, -1, 0, 1)]
    return [{"on": day} | one._asdict() for day in days for one in celebrated_on(day)]
