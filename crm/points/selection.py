"""Which rules apply to which lines of an order, and what exclusive groups leave of them."""

from collections.abc import Iterable, Sequence

from crm.points.cart import CartLine
from crm.points.conditions import Situation
from crm.points.rule import ACTIVITY, PER_ORDER, Rule

Chosen = tuple[Rule, Sequence[int]]


def choose(rules: Iterable[Rule], situation: Situation, lines: Sequence[CartLine]) -> list[Chosen]:
    """The rules that apply to an order, in rank order, each with the places of its lines.

    `rules` must come in rank order. In an exclusive group each line goes to the first rule that
    takes it; a per-order rule stands for the whole order, so it applies only if it comes first,
    and then nothing of its group follows.
    """
    everywhere = range(len(lines))
    claimed: dict[str, set[int]] = {}
    chosen: list[Chosen] = []
    for rule in rules:
        conditions = rule.conditions
        if rule.kind == ACTIVITY or (conditions.order_level and not conditions.hold(situation)):
            continue
        places: Sequence[int] = everywhere
        if conditions.line_level:
            places = [place for place in everywhere if conditions.take(lines[place])]
        if rule.exclusive_group is not None and places:
            taken = claimed.setdefault(rule.exclusive_group, set())
            places = _claim(rule, places, taken, everywhere)
        if places:
            chosen.append((rule, places))
    return chosen


def _claim(
    rule: Rule, places: Sequence[int], taken: set[int], everywhere: Sequence[int]
) -> Sequence[int]:
    if rule.kind == PER_ORDER:
        if taken:
            return ()
        taken.update(everywhere)
        return places
    free = [place for place in places if place not in taken]
    taken.update(free)
    return free
