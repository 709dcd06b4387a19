"""Which rules did not apply, and why. Pure: from the versions and the facts of that time.

It never contradicts what was counted: whatever is in the breakdown applied, and for every other
rule there is the first thing that was in its way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

from crm.http.fields import instant_text
from crm.points.acts import Act, unmet
from crm.points.cart import CartLine, EarningFacts
from crm.points.conditions import Situation
from crm.points.programme_settings import Programme
from crm.points.rule import ACTIVITY, MULTIPLIER, PER_ORDER, RATE, Rule, rank
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
    around: Sequence[Rule], programme: Programme, lines: Sequence[CartLine], said: Mapping[str, Any]
) -> list[Missed]:
    """Why the rules for orders gave this one nothing, but those that are in its breakdown.

    `around` in rank order, as `Rulebook.around` gives them for the instant of the order;
    `programme` the version that counted; `said` the order's `Earning.document`.
    """
    asked = _Order(around, programme, lines, said)
    return [
        Missed(rule, asked.why(rule))
        for rule in around
        if rule.kind != ACTIVITY and rule.id not in asked.applied
    ]


class _Order:
    """One order as it was when it was counted."""

    def __init__(
        self,
        around: Sequence[Rule],
        programme: Programme,
        lines: Sequence[CartLine],
        said: Mapping[str, Any],
    ) -> None:
        basis = Fraction(said["exact_basis"])
        self.situation = Situation(
            datetime.fromisoformat(said["placed_at"]),
            EarningFacts.parse(said["facts"]),
            channel=said["channel"],
            store=said["store"],
            basis=basis.as_integer_ratio(),
        )
        self.lines = lines
        gone = reasons_of_lines(programme, lines)
        self.earning = [line for line in lines if basis and line.line_no not in gone]
        self.all_excluded = len(gone) == len(lines) and "excluded_goods" in gone.values()
        shares = said["breakdown"]
        self.applied = {UUID(share["rule_id"]) for share in shares if share["rule_id"]}
        self.had_rates = any(share["kind"] == RATE for share in shares)
        # Multipliers without a rate are not in the breakdown, but took their place in their group.
        self.known = [
            rule
            for rule in around
            if rule.in_force(self.situation.at)
            and (rule.id in self.applied or (not self.had_rates and rule.kind == MULTIPLIER))
        ]

    def why(self, rule: Rule) -> Unmet:
        """The first thing in the way of a rule that gave nothing."""
        found = _outside(rule, self.situation.at)
        if found is None and not self.situation.basis[0]:
            found = Unmet("excluded_goods" if self.all_excluded else "no_basis", {})
        found = found or first_unmet(rule.conditions, self.situation) or self._goods(rule)
        found = found or self._group(rule)
        if found is None and rule.kind == MULTIPLIER and not self.had_rates:
            found = Unmet("nothing_to_multiply", {})
        return found or Unmet("added_later", {})

    def _goods(self, rule: Rule) -> Unmet | None:
        if any(rule.conditions.take(line) for line in self.earning):
            return None
        has = any(rule.conditions.take(line) for line in self.lines)
        return Unmet("excluded_goods" if has else "other_goods", {})

    def _group(self, rule: Rule) -> Unmet | None:
        """The rule of its group that took its lines, or the order, before it."""
        if rule.exclusive_group is None:
            return None
        known = {one.id: one for one in [*self.known, rule]}
        ranked = sorted(known.values(), key=rank)
        chosen = [one for one, _ in choose(ranked, self.situation, self.earning)]
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


def reasons_of_lines(programme: Programme, lines: Iterable[CartLine]) -> dict[int, str]:
    """The lines that earn nothing by themselves: of no value, or excluded goods."""
    excluded = programme.basis.excluded
    found = {}
    for line in lines:
        if line.net <= 0:
            found[line.line_no] = "no_value"
        elif excluded.has(line.sku, line.category, line.labels):
            found[line.line_no] = "excluded_goods"
    return found
