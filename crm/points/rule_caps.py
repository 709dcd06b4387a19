"""Rules' own caps: what a rule gives on an order is trimmed, never refused. Rare, so in fractions.

A rate is trimmed first, by all that it gives with its multipliers; then each multiplier, by what it
adds; bonuses by what they are. All lines of a rule are trimmed alike.
"""

from fractions import Fraction
from math import lcm

from crm.points.cart import Used
from crm.points.rule import Rule
from crm.points.sheet import Row, Sheet

PER_ORDER, PER_MEMBER_DAY = "rule_per_order", "rule_per_member_day"
Points = list[Fraction]
Trimmed = tuple[Row, Points, str | None, Fraction]


def trim(sheet: Sheet, used: Used) -> Sheet:
    """The sheet within the caps of its rules; rows that were trimmed say by which cap."""
    rates = _rates(sheet, used)
    running = _sum([points for _, points, _, _ in rates])
    multipliers: list[Trimmed] = []
    for row in sheet.multipliers:
        extra = _extra(row, running)
        trimmed = _trimmed(row, extra, sum(extra, Fraction()), used)
        multipliers.append(trimmed)
        running = _sum([running, trimmed[1]])
    bonuses = []
    for row in sheet.bonuses:
        points = [Fraction(part, sheet.over) for part in row.points]
        bonuses.append(_trimmed(row, points, sum(points, Fraction()), used))
    return _sheet(rates, multipliers, bonuses)


def _rates(sheet: Sheet, used: Used) -> list[Trimmed]:
    rates = [[Fraction(part, sheet.over) for part in row.points] for row in sheet.rates]
    if not rates:
        return []
    plain = _sum(rates)
    running = plain
    for row in sheet.multipliers:
        running = _sum([running, _extra(row, running)])
    times = [b / a if a else Fraction() for a, b in zip(plain, running, strict=True)]
    found = []
    for row, points in zip(sheet.rates, rates, strict=True):
        counted = sum([a * b for a, b in zip(points, times, strict=True)], Fraction())
        found.append(_trimmed(row, points, counted, used))
    return found


def _extra(row: Row, running: Points) -> Points:
    assert row.factor is not None, "only multipliers add to what others gave"
    more = Fraction(*row.factor) - 1
    places = set(row.places)
    return [part * more if place in places else Fraction() for place, part in enumerate(running)]


def _trimmed(row: Row, points: Points, counted: Fraction, used: Used) -> Trimmed:
    limit, name = _limit(row.rule, used) if row.rule and row.rule.capped else (None, None)
    if limit is None or counted <= limit:
        return row, points, None, counted
    share = limit / counted
    return row, [part * share for part in points], name, Fraction(limit)


def _limit(rule: Rule, used: Used) -> tuple[Fraction | int | None, str | None]:
    """The tighter of a rule's two caps, and its name."""
    order, day = rule.cap_per_order, rule.cap_per_member_day
    if day is None:
        return order, PER_ORDER
    left = max(day - used.by_rule.get(rule.id, Fraction()), Fraction())
    return (order, PER_ORDER) if order is not None and order <= left else (left, PER_MEMBER_DAY)


def _sum(rows: list[Points]) -> Points:
    return [sum(column, Fraction()) for column in zip(*rows, strict=True)]


def _sheet(rates: list[Trimmed], multipliers: list[Trimmed], bonuses: list[Trimmed]) -> Sheet:
    """Back to whole numerators over one denominator."""
    everything = [*rates, *multipliers, *bonuses]
    parts = [part for _, points, _, counted in everything for part in (*points, counted)]
    over = lcm(*[part.denominator for part in parts])

    def whole(value: Fraction) -> int:
        return value.numerator * (over // value.denominator)

    def row(item: Trimmed) -> Row:
        old, points, name, counted = item
        capped = old.rule is not None and old.rule.capped
        return old._replace(
            points=[whole(part) for part in points],
            capped_by=name,
            counted=whole(counted) if capped else None,
        )

    return Sheet(over, [*map(row, rates)], [*map(row, multipliers)], [*map(row, bonuses)])
