"""Which rules did not apply, and why. Pure: from the versions and the facts of that time.

It never contradicts what was counted: whatever is in the breakdown applied, and for every other
rule there is the first thing that was in its way.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from crm.http.fields import instant_text
from crm.points.acts import Act, unmet
from crm.points.basis import Basis, basis_of
from crm.points.cart import Cart, CartLine, EarningFacts
from crm.points.conditions import Situation
from crm.points.programme_settings import Programme
from crm.points.rule import ACTIVITY, MULTIPLIER, PER_ORDER, Rule, rank
from crm.points.selection import choose
from crm.points.unmet import Unmet, first_unmet


class Missed(NamedTuple):
    """A rule that gave nothing, and the first condition that failed."""

    rule: Rule
    why: Unmet

    def document(self) -> dict[str, Any]:
        """As the API says it, in the reader's language."""
        rule = {"rule_id": str(self.rule.id), "version": self.rule.version, "name": self.rule.name}
        return {**rule, "kind": self.rule.kind, **self.why.document()}


def missed_for_act(around: Iterable[Rule], act: Act, applied: Collection[UUID]) -> list[Missed]:
    """Why the rules for an act gave nothing, but those that `applied`.

    `around` in rank order, as `Rulebook.around(act.at)` gives them.
    """
    known = [rule for rule in around if rule.kind == ACTIVITY and rule.activity == act.activity]
    first = {rule.exclusive_group: rule for rule in reversed(known) if rule.id in applied}
    found = []
    for rule in known:
        if rule.id in applied or not act.points_of(rule):
            continue
        why = _outside(rule, act.at) or unmet(rule, act)
        before = first.get(rule.exclusive_group) if rule.exclusive_group else None
        if why is None and before is not None and rank(before) < rank(rule):
            why = _taken(rule, before)
        found.append(Missed(rule, why or Unmet("added_later", {})))
    return found


def missed_for_order(
    around: Sequence[Rule],
    programme: Programme,
    cart: Cart,
    member: EarningFacts,
    applied: Collection[UUID],
    *,
    had_rates: bool,
) -> list[Missed]:
    """Why the rules for orders gave this one nothing, but those that `applied`.

    `around` in rank order; `had_rates` whether any rate applied.
    """
    basis = basis_of(programme.basis, cart)
    situation = Situation(
        cart.placed_at,
        member,
        channel=cart.channel,
        store=cart.store,
        basis=(basis.total, basis.over),
    )
    asked = _Asked(around, cart, basis, situation, applied, had_rates)
    return [
        Missed(rule, asked.why(rule))
        for rule in around
        if rule.kind != ACTIVITY and rule.id not in applied
    ]


class _Asked:
    """One order, and what is known of it."""

    def __init__(
        self,
        around: Sequence[Rule],
        cart: Cart,
        basis: Basis,
        situation: Situation,
        applied: Collection[UUID],
        had_rates: bool,
    ) -> None:
        self.cart, self.basis, self.situation = cart, basis, situation
        self.had_rates = had_rates
        # Multipliers without a rate are not in the breakdown, but took their place in their group.
        self.known = [
            rule
            for rule in around
            if rule.in_force(cart.placed_at)
            and (rule.id in applied or (not had_rates and rule.kind == MULTIPLIER))
        ]

    def why(self, rule: Rule) -> Unmet:
        """The first thing in the way of a rule that gave nothing."""
        found = _outside(rule, self.situation.at)
        if found is None and not self.basis.total:
            found = Unmet("no_basis", {})
        found = found or first_unmet(rule.conditions, self.situation) or self._goods(rule)
        found = found or self._group(rule)
        if found is None and rule.kind == MULTIPLIER and not self.had_rates:
            found = Unmet("nothing_to_multiply", {})
        return found or Unmet("added_later", {})

    def _goods(self, rule: Rule) -> Unmet | None:
        if any(rule.conditions.take(line) for line in self.basis.lines):
            return None
        has = any(rule.conditions.take(line) for line in self.cart.lines)
        return Unmet("excluded_goods" if has else "other_goods", {})

    def _group(self, rule: Rule) -> Unmet | None:
        """The rule of its group that took its lines, or the order, before it."""
        if rule.exclusive_group is None:
            return None
        known = {one.id: one for one in [*self.known, rule]}
        ranked = sorted(known.values(), key=rank)
        chosen = [one for one, _ in choose(ranked, self.situation, self.basis.lines)]
        if rule in chosen:
            return None
        own = [one for one in chosen if one.exclusive_group == rule.exclusive_group]
        assert own, "a rule whose conditions hold and that has lines yields to others only"
        return _taken(rule, next((one for one in own if one.kind == PER_ORDER), own[0]))


def _taken(rule: Rule, by: Rule) -> Unmet:
    facts = {"group": rule.exclusive_group, "by": str(by.id), "by_name": by.name}
    return Unmet("exclusive_group_taken", facts)


def _outside(rule: Rule, at: datetime) -> Unmet | None:
    """Whether the version did not count at all at that time."""
    if rule.starts_at is not None and at < rule.starts_at:
        return Unmet("not_started", {"starts_at": instant_text(rule.starts_at)})
    ends = [end for end in (rule.ends_at, rule.superseded_at) if end is not None and end <= at]
    return Unmet("ended", {"ended_at": instant_text(min(ends))}) if ends else None


def line_reasons(programme: Programme, cart: Cart) -> dict[int, str]:
    """The lines that earned nothing by themselves: free of charge, or excluded goods."""
    excluded = programme.basis.excluded

    def reason(line: CartLine) -> str | None:
        if line.net <= 0:
            return "no_value"
        gone = excluded.has(line.sku, line.category, line.labels)
        return "excluded_goods" if gone else None

    found = {line.line_no: reason(line) for line in cart.lines}
    return {line_no: why for line_no, why in found.items() if why}
