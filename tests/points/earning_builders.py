"""Short ways to a programme, rules and carts, for tests of earning."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm.points.earning import Cart, CartLine, Earning, EarningFacts, Used, evaluate
from crm.points.programme_settings import DEFAULTS, Programme, merged
from crm.points.rule import Rule, rank

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # a Sunday in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def programme(**given: Any) -> Programme:
    """The default programme with what is given."""
    document = merged(DEFAULTS, given)
    return Programme.parse(1, LONG_AGO, document, document["currency"])


def rule(number: int, kind: str, **given: Any) -> Rule:
    """A rule whose id is `number`, in force for ever."""
    document = {"kind": kind, "name": f"{kind} {number}", **given}
    return Rule.parse(document, id=UUID(int=number), version=1, valid_from=LONG_AGO)


def rate(number: int = 1, points: int = 1, per_amount: int = 100, **given: Any) -> Rule:
    """By default the rule that a shop starts with."""
    return rule(number, "rate", points=points, per_amount=per_amount, **given)


def line(net: int, line_no: int = 1, **given: Any) -> CartLine:
    """A line that costs `net`."""
    return CartLine(**{"line_no": line_no, "sku": "tea", "quantity": 1, "net": net, **given})


def cart(*nets_or_lines: int | CartLine, **given: Any) -> Cart:
    """A cart of lines, or of lines that cost so much."""
    lines = [
        item if isinstance(item, CartLine) else line(item, place)
        for place, item in enumerate(nets_or_lines, 1)
    ]
    return Cart(lines, given.pop("placed_at", NOON), **given)


def member(**given: Any) -> EarningFacts:
    """Somebody in Shanghai."""
    return EarningFacts(**{"zone": SHANGHAI, **given})


def earn(
    basket: Cart,
    *rules: Rule,
    who: EarningFacts | None = None,
    used: Used | None = None,
    **settings: Any,
) -> Earning:
    """What a cart earns by these rules (by default the shop's first)."""
    ranked = sorted(rules or (rate(),), key=rank)
    return evaluate(programme(**settings), ranked, basket, who or member(), used or Used())


def by_line(earning: Earning) -> dict[int, Fraction]:
    """All shares together, line by line."""
    found: dict[int, Fraction] = {}
    for share in earning.breakdown:
        for line_no, points in share.lines.items():
            found[line_no] = found.get(line_no, Fraction()) + points
    return found
