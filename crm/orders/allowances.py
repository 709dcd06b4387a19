"""What members' orders have used of the caps by day and month: read once for many, kept in step.

A cap's day and month are the member's local ones in which an order was placed, as for all rules.
What an order was granted stays used, also when a refund takes it back: what other orders earn must
not depend on which came first, and a cap must not be had twice by buying and returning.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members.profiles import MemberFacts
from crm.orders.earnings import zone_of
from crm.orders.kept import Kept
from crm.points.cart import NOTHING_USED, Used
from crm.points.programme_settings import Programme
from crm.points.rule import Rule

GRANTED = text("""
    SELECT o.member_id, w.month, o.id, o.placed_at, o.granted,
           jsonb_path_query_array(o.breakdown, '$.breakdown[*] ? (exists(@.counted))') AS counted
    FROM unnest(CAST(:members AS uuid[]), CAST(:months AS date[]), CAST(:starts AS timestamptz[]),
                CAST(:ends AS timestamptz[])) AS w (member_id, month, start, "end")
    JOIN orders o
        ON o.member_id = w.member_id AND o.placed_at >= w.start AND o.placed_at < w."end"
    WHERE o.granted > 0
""")

Month = tuple[UUID, date]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one order was granted, and what of it counts against rules' own caps by day."""

    day: date
    points: int
    by_rule: Mapping[UUID, Fraction] = field(default_factory=dict)


class Allowances:
    """What is used, for the members of one piece of work. Read under the lock of their accounts."""

    def __init__(self, facts: Mapping[UUID, MemberFacts]) -> None:
        self.facts = facts
        self._expected: Sequence[tuple[UUID, datetime]] = ()
        self._stored: dict[Month, dict[UUID, Grant]] = {}
        self._fresh: dict[UUID, dict[UUID, Kept]] = {}

    def expect(self, purchases: Sequence[tuple[UUID, datetime]]) -> None:
        """Members and instants that will be asked about, to be read by one statement if at all."""
        self._expected = purchases

    def used(
        self,
        member_id: UUID,
        at: datetime,
        programme: Programme,
        rules: Iterable[Rule],
        but: UUID | None = None,
    ) -> Used:
        """What other orders than `but` used of the caps that bind an order placed at `at`.

        Asks the database only if there are such caps.
        """
        if not bound(programme, rules):
            return NOTHING_USED
        zone = zone_of(self.facts[member_id].zone)
        today = at.astimezone(zone).date()
        key = member_id, today.replace(day=1)
        if key not in self._stored:
            self._read(key)
        fresh = self._fresh.get(member_id, {})
        grants = [one for id, one in self._stored[key].items() if id not in fresh and id != but]
        grants += [_grant(order, zone) for id, order in fresh.items() if id != but]
        return _sum([one for one in grants if one.day.replace(day=1) == key[1]], today)

    def note(self, order: Kept) -> None:
        """An order has earned in this work: the next one must see it."""
        assert order.member_id is not None
        self._fresh.setdefault(order.member_id, {})[order.id] = order

    def _read(self, key: Month) -> None:
        wanted = {key}
        for member_id, at in self._expected:
            if member_id in self.facts:
                local = at.astimezone(zone_of(self.facts[member_id].zone))
                wanted.add((member_id, local.date().replace(day=1)))
        months = sorted(wanted - self._stored.keys())
        self._stored.update({month: {} for month in months})
        spans = [_span(month, zone_of(self.facts[one].zone)) for one, month in months]
        given = {
            "members": [one for one, _ in months],
            "months": [month for _, month in months],
            "starts": [start for start, _ in spans],
            "ends": [end for _, end in spans],
        }
        for row in db.session.execute(GRANTED, given):
            day = row.placed_at.astimezone(zone_of(self.facts[row.member_id].zone)).date()
            grant = Grant(day, row.granted, _by_rule(row.counted))
            self._stored[row.member_id, row.month][row.id] = grant


def bound(programme: Programme, rules: Iterable[Rule]) -> bool:
    """Whether any cap over a member's day or month is in force."""
    caps = programme.caps
    return (
        caps.per_member_day is not None
        or caps.per_member_month is not None
        or any(rule.cap_per_member_day is not None for rule in rules)
    )


def _span(month: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """A local month: its first instant, and the first of the next."""
    following = (month + timedelta(days=31)).replace(day=1)
    start = datetime(month.year, month.month, 1, tzinfo=zone)
    return start, datetime(following.year, following.month, 1, tzinfo=zone)


def _grant(order: Kept, zone: tzinfo) -> Grant:
    shares = order.breakdown["breakdown"] if order.breakdown else []
    return Grant(order.placed_at.astimezone(zone).date(), order.granted, _by_rule(shares))


def _by_rule(shares: Sequence[Mapping[str, Any]]) -> dict[UUID, Fraction]:
    return {
        UUID(share["rule_id"]): Fraction(share["counted"]) for share in shares if "counted" in share
    }


def _sum(month: Sequence[Grant], today: date) -> Used:
    by_rule: dict[UUID, Fraction] = {}
    day = 0
    for grant in month:
        if grant.day != today:
            continue
        day += grant.points
        for rule_id, counted in grant.by_rule.items():
            by_rule[rule_id] = by_rule.get(rule_id, Fraction()) + counted
    return Used(day, sum(grant.points for grant in month), by_rule)
