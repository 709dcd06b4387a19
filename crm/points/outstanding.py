"""What all members hold at an instant, summed by state, month of expiry and age, in one statement.

Members without debt, who are nearly all, are summed by the database. What a debt will have been
paid with is told by `crm.points.foresight`, member by member, as for a single balance.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from crm.db import db
from crm.points.breakage import AGE, TENTHS
from crm.points.foresight import Lot, Part, held_of, paid

INSTANT = timedelta(microseconds=1)

# The lots that hold points, and who is in debt: now (or later) …
_NOW = """
    lots AS (
        SELECT member_id, id, opened_by, available_at, expires_at, remaining FROM points_lot
        WHERE remaining > 0 AND (expires_at IS NULL OR expires_at > :start)
    ), debts AS (
        SELECT member_id, debt FROM points_account WHERE debt > 0
    )"""
# … and then: what happened since is taken back.
_THEN = """
    later AS MATERIALIZED (
        SELECT member_id, seq, points FROM points_entry WHERE occurred_at > :at
    ), moved AS (
        SELECT m.member_id, m.lot_id, sum(m.points) AS points
        FROM points_movement m JOIN later USING (member_id, seq) GROUP BY 1, 2
    ), opened AS MATERIALIZED (
        SELECT l.member_id, l.id, l.opened_by, l.available_at, l.expires_at,
               (l.remaining - coalesce(v.points, 0))::bigint AS remaining
        FROM points_lot l LEFT JOIN moved v ON v.member_id = l.member_id AND v.lot_id = l.id
        WHERE NOT EXISTS (
            SELECT FROM later o WHERE o.member_id = l.member_id AND o.seq = l.opened_by)
    ), lots AS (
        SELECT * FROM opened
        WHERE remaining > 0 AND (expires_at IS NULL OR expires_at > :start)
    ), debts AS (
        SELECT a.member_id, (coalesce(s.points, 0) - a.balance + coalesce(e.points, 0))::bigint
                   AS debt
        FROM points_account a
        LEFT JOIN (SELECT member_id, sum(remaining) AS points FROM opened GROUP BY 1) s
            USING (member_id)
        LEFT JOIN (SELECT member_id, sum(points) AS points FROM later GROUP BY 1) e
            USING (member_id)
        WHERE coalesce(s.points, 0) - a.balance + coalesce(e.points, 0) > 0
    )"""
# Of a lot, what holds that stood at :start keep until after :at is held. What is held of a lot past
# its end lapses with the hold, if it does, so it counts in the month of :at.
_SUMS = f"""
    , parts AS (
        SELECT x.member_id, x.lot_id, sum(x.points)::bigint AS points
        FROM points_hold h JOIN points_hold_lot x ON x.hold_id = h.id
        WHERE h.created_at <= :start AND coalesce(h.resolved_at, h.expires_at) > :at
        GROUP BY 1, 2
    ), owned AS (
        SELECT CASE WHEN l.available_at <= :at THEN 'available' ELSE 'pending' END AS state,
               l.expires_at, l.remaining - coalesce(p.points, 0) AS points,
               {AGE.format(at=":at", opened="o.occurred_at", expires="l.expires_at")} AS tenth
        FROM lots l
        JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
        LEFT JOIN parts p ON p.member_id = l.member_id AND p.lot_id = l.id
        WHERE (l.expires_at IS NULL OR l.expires_at > :at)
          AND NOT EXISTS (SELECT FROM debts d WHERE d.member_id = l.member_id)
        UNION ALL
        SELECT 'held', CASE WHEN l.expires_at > :at THEN l.expires_at
                            WHEN l.expires_at <= :at THEN :at + interval '1 microsecond' END,
               p.points, NULL
        FROM parts p JOIN points_lot l ON l.member_id = p.member_id AND l.id = p.lot_id
    )
    SELECT state, date_trunc('month', (expires_at - interval '1 microsecond') AT TIME ZONE :zone
                  )::date AS month,
           tenth, sum(points)::bigint AS points, NULL::uuid AS member_id, NULL::bigint AS debt,
           NULL::timestamptz AS opened_at, NULL::uuid AS id, NULL::timestamptz AS available_at,
           NULL::timestamptz AS expires_at, NULL::integer AS opened_by
    FROM owned GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'debtor', NULL, NULL, l.remaining, d.member_id, d.debt, o.occurred_at, l.id,
           l.available_at, l.expires_at, l.opened_by
    FROM debts d LEFT JOIN lots l USING (member_id)
    LEFT JOIN points_entry o ON o.member_id = l.member_id AND o.seq = l.opened_by
"""  # noqa: S608 — no input in it

NOW = text(f"WITH {_NOW} {_SUMS}")
THEN = text(f"WITH {_THEN} {_SUMS}")

PARTS = text("""
    SELECT h.member_id, x.lot_id, x.points, coalesce(h.resolved_at, h.expires_at) AS until
    FROM points_hold h JOIN points_hold_lot x ON x.hold_id = h.id
    WHERE h.member_id = ANY (:members) AND h.created_at <= :start
      AND coalesce(h.resolved_at, h.expires_at) > :start
""")


class Sum(NamedTuple):
    """Points of one state whose last valid day is in one month, in one tenth of their life.

    `state` is available, pending, held or debt; no month: no expiry; no tenth: not to lapse.
    """

    state: str
    month: date | None
    tenth: int | None
    points: int


def sums(at: datetime, zone: ZoneInfo, *, now: datetime) -> list[Sum]:
    """All points at `at`, and the debts; months are those of `zone`. Reads every lot with points.

    The past as it was; the future as it will be if nothing else happens.
    """
    start = min(at, now)
    given = {"at": at, "start": start, "zone": zone.key}
    rows = db.session.execute(THEN if at < now else NOW, given).all()
    found = [Sum(*row[:4]) for row in rows if row.state != "debtor"]
    debtors = sorted((row for row in rows if row.state == "debtor"), key=lambda row: row.member_id)
    return found + list(_of_debtors(debtors, start, at, zone))


def _of_debtors(
    rows: Sequence[Any], start: datetime, at: datetime, zone: ZoneInfo
) -> Iterator[Sum]:
    parts = _parts({row.member_id for row in rows}, start)
    for member_id, group in groupby(rows, key=lambda row: row.member_id):
        lots = list(group)
        opened = {row.id: row.opened_at for row in lots}
        own = parts.get(member_id, [])
        held = held_of(own, at)
        found = [
            Lot(row.id, row.available_at, row.expires_at, row.opened_by, row.points)
            for row in lots
            if row.id is not None
        ]
        left, debt = paid(found, own, lots[0].debt, start, at)
        yield Sum("debt", None, None, debt)
        for lot in left:
            if lot.is_valid(at):
                state = "available" if lot.is_released(at) else "pending"
                points = lot.remaining - held.get(lot.id, 0)
                yield Sum(state, _month(lot, zone), _tenth(opened[lot.id], lot, at), points)


def _parts(members: Iterable[UUID], start: datetime) -> dict[UUID, list[Part]]:
    found: dict[UUID, list[Part]] = {}
    for row in db.session.execute(PARTS, {"members": list(members), "start": start}):
        found.setdefault(row.member_id, []).append(Part(row.lot_id, row.points, row.until))
    return found


def _month(lot: Lot, zone: ZoneInfo) -> date | None:
    if lot.expires_at is None:
        return None
    return (lot.expires_at - INSTANT).astimezone(zone).date().replace(day=1)


def _tenth(opened: datetime, lot: Lot, at: datetime) -> int | None:
    """As `breakage.AGE`."""
    if lot.expires_at is None or lot.expires_at == opened:
        return None
    age = (at - opened).total_seconds() / (lot.expires_at - opened).total_seconds()
    return max(0, min(TENTHS, int(TENTHS * age // 1)))
