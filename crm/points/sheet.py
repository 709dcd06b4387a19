"""The sums of one order: which rule gives how much on which line, exact, before any rounding.

All numbers of a sheet are whole numerators over one common denominator.
"""

from collections.abc import Sequence
from math import lcm
from typing import NamedTuple
from uuid import UUID

from crm.points.basis import Basis
from crm.points.cart import EarningFacts
from crm.points.rule import MULTIPLIER, PER_ORDER, RATE, Rule
from crm.points.selection import Chosen

TIER = "tier"


class Row(NamedTuple):
    """What one rule gives on each line of the basis; the tier's multiplier has no rule.

    `places` are the lines that it applies to, `counted` the numerator that counts against the
    rule's own caps (a rate's with its multipliers; only where the rule has caps).
    """

    rule: Rule | None
    factor: tuple[int, int] | None
    places: Sequence[int]
    points: list[int]
    capped_by: str | None = None
    counted: int | None = None


class Sheet(NamedTuple):
    """The rows by their part in the pipeline, over one denominator."""

    over: int
    rates: list[Row]
    multipliers: list[Row]
    bonuses: list[Row]

    def rows(self) -> list[Row]:
        """All rows, in the order in which they are shown."""
        return [*self.rates, *self.multipliers, *self.bonuses]

    def total(self) -> int:
        """The numerator of all points."""
        return sum([sum(row.points) for row in self.rows()])


def fill(chosen: Sequence[Chosen], basis: Basis, member: EarningFacts) -> Sheet:
    """Rates on each line, times the product of multipliers, then bonuses.

    A multiplier's row is what it adds to what the rates and the multipliers before it gave (the
    tier's comes first), so that rows add up. A factor below 1 has a negative row.
    """
    over, stakes = _denominator(chosen, basis, member)
    rates: list[Row] = []
    bonuses: list[Row] = []
    multiplying: list[tuple[Rule | None, tuple[int, int], Sequence[int]]] = []
    tier = member.multiplier.as_integer_ratio()
    if tier != (1, 1):
        multiplying.append((None, tier, range(len(basis.lines))))
    for rule, places in chosen:
        if rule.kind == RATE:
            unit = rule.points * (over // (basis.over * rule.per_amount))
            points = _at(places, [part * unit for part in basis.parts])
            rates.append(Row(rule, None, places, points))
        elif rule.kind == MULTIPLIER:
            multiplying.append((rule, rule.factor, places))
        elif rule.kind == PER_ORDER:
            unit = rule.points * (over // stakes[rule.id])
            points = _at(places, [part * unit for part in basis.parts])
            bonuses.append(Row(rule, None, places, points))
        else:
            unit = rule.points * over
            points = _at(places, [line.quantity * unit for line in basis.lines])
            bonuses.append(Row(rule, None, places, points))
    return Sheet(over, rates, _multiply(rates, multiplying) if rates else [], bonuses)


def _denominator(
    chosen: Sequence[Chosen], basis: Basis, member: EarningFacts
) -> tuple[int, dict[UUID, int]]:
    """A denominator that every row is whole over; and the basis that each per-order rule is on."""
    amounts, factors = 1, member.multiplier.as_integer_ratio()[1]
    stakes: dict[UUID, int] = {}
    for rule, places in chosen:
        if rule.kind == RATE:
            amounts = lcm(amounts, rule.per_amount)
        elif rule.kind == MULTIPLIER:
            factors *= rule.factor[1]
        elif rule.kind == PER_ORDER:
            stakes[rule.id] = sum([basis.parts[place] for place in places])
    return lcm(basis.over * amounts * factors, *stakes.values()), stakes


def _multiply(
    rates: list[Row], multiplying: Sequence[tuple[Rule | None, tuple[int, int], Sequence[int]]]
) -> list[Row]:
    rows = []
    running = rates[0].points
    for rate in rates[1:]:
        running = [a + b for a, b in zip(running, rate.points, strict=True)]
    for rule, factor, places in multiplying:
        above, below = factor
        extra = _at(places, [points * (above - below) // below for points in running])
        running = [a + b for a, b in zip(running, extra, strict=True)]
        rows.append(Row(rule, factor, places, extra))
    return rows


def _at(places: Sequence[int], points: list[int]) -> list[int]:
    """`points` at these places, zero elsewhere."""
    if len(places) == len(points):
        return points
    kept = set(places)
    return [part if place in kept else 0 for place, part in enumerate(points)]
