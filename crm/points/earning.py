"""The points that an order earns: pure, exact, rounded once at the very end.

rates → product of the multipliers that match → per-unit and per-order bonuses → caps → rounding.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

from crm.http.fields import instant_text
from crm.points.basis import Basis, basis_of
from crm.points.cart import NOTHING_USED, Cart, CartLine, EarningFacts, Used
from crm.points.conditions import Situation
from crm.points.exact import exactly, rounded, shown
from crm.points.programme_settings import Caps, Expiry, Programme
from crm.points.rule import Rule
from crm.points.rule_caps import trim
from crm.points.selection import choose
from crm.points.sheet import TIER, Row, Sheet, fill

__all__ = ["Cart", "CartLine", "Earning", "EarningFacts", "RuleShare", "Used", "evaluate"]

POINTS_LIMIT = 1_000_000_000


class RuleShare(NamedTuple):
    """What one rule gave: `numerators[i] / over` points on line `line_nos[i]`, never rounded.

    `kind` is the rule's, or "tier" for the tier's multiplier, whose `rule_id` and `version` are
    None and whose `name` is the tier's code. `counted` is what counts against the rule's own caps,
    `expiry` how long these points last if the rule says so itself.
    """

    rule_id: UUID | None
    version: int | None
    name: str
    kind: str
    factor: tuple[int, int] | None
    line_nos: Sequence[int]
    numerators: Sequence[int]
    over: int
    capped_by: str | None
    counted: int | None
    expiry: Expiry | None = None

    @property
    def points(self) -> Fraction:
        """All that the rule gave on this order."""
        return Fraction(sum(self.numerators), self.over)

    @property
    def lines(self) -> dict[int, Fraction]:
        """What it gave on each line."""
        pairs = zip(self.line_nos, self.numerators, strict=True)
        return {line_no: Fraction(part, self.over) for line_no, part in pairs if part}

    def document(self) -> dict[str, Any]:
        """The share as JSON: `points` a decimal to show, `lines` exact ("7" or "15/2")."""
        over = self.over
        pairs = zip(self.line_nos, self.numerators, strict=True)
        found: dict[str, Any] = {
            "rule_id": str(self.rule_id) if self.rule_id else None,
            "version": self.version,
            "name": self.name,
            "kind": self.kind,
            "points": shown(sum(self.numerators), over),
            "lines": {str(line_no): exactly(part, over) for line_no, part in pairs if part},
        }
        if self.factor is not None:
            found["factor"] = shown(*self.factor)
        if self.capped_by is not None:
            found["capped_by"] = self.capped_by
        if self.counted is not None:
            found["counted"] = exactly(self.counted, over)
        if self.expiry is not None:
            found["expiry"] = self.expiry.document()
        return found


class Earning(NamedTuple):
    """What an order earns, and why.

    `points` is granted, `desired` what it would have been without caps; `capped_by` names the last
    cap that cost points. `basis` is in minor units, rounded for show, `exact_basis` as numerator
    and denominator. The shares of `breakdown` add up to `numerator / over`, the points before
    rounding. `cart` and `member` are what the rules were asked about.
    """

    points: int
    desired: int
    basis: int
    breakdown: tuple[RuleShare, ...]
    capped_by: str | None
    rounding: str
    numerator: int
    over: int
    programme: int
    exact_basis: tuple[int, int]
    cart: Cart
    member: EarningFacts

    @property
    def exact(self) -> Fraction:
        """The points before rounding, within the caps."""
        return Fraction(self.numerator, self.over)

    def document(self) -> dict[str, Any]:
        """All of it as JSON, kept with the order: enough for refunds without any rule, and to say
        later why other rules gave nothing."""
        return {
            "points": self.points,
            "desired": self.desired,
            "basis": self.basis,
            "capped_by": self.capped_by,
            "rounding": self.rounding,
            "exact": exactly(self.numerator, self.over),
            "programme": self.programme,
            "exact_basis": exactly(*self.exact_basis),
            "placed_at": instant_text(self.cart.placed_at),
            "channel": self.cart.channel,
            "store": self.cart.store,
            "facts": self.member.document(),
            "breakdown": [share.document() for share in self.breakdown],
        }


def evaluate(
    programme: Programme,
    rules: Iterable[Rule],
    cart: Cart,
    member: EarningFacts,
    used: Used = NOTHING_USED,
) -> Earning:
    """The points that `cart` earns for `member` by these versions of programme and rules.

    `rules` in rank order, as `rules.in_force(cart.placed_at)` gives them. `used` is what earlier
    orders took of the caps by day and month. Nothing earns nothing: a zero basis gives zero.
    """
    basis = basis_of(programme.basis, cart)
    if not basis.total:
        nothing = (0, 0, 0, (), None, programme.rounding, 0, 1, programme.version)
        return Earning(*nothing, (0, 1), cart, member)
    situation = Situation(
        cart.placed_at,
        member,
        channel=cart.channel,
        store=cart.store,
        basis=(basis.total, basis.over),
    )
    chosen = choose(rules, situation, basis.lines)
    sheet = fill(chosen, basis, member)
    desired = rounded(sheet.total(), sheet.over, programme.rounding)
    capped_by = None
    if any(rule.capped for rule, _ in chosen):
        sheet = trim(sheet, used)
        capped_by = next((row.capped_by for row in sheet.rows() if row.capped_by), None)
    return _settled(programme, basis, sheet, cart, member, used, desired, capped_by)


def _settled(
    programme: Programme,
    basis: Basis,
    sheet: Sheet,
    cart: Cart,
    member: EarningFacts,
    used: Used,
    desired: int,
    capped_by: str | None,
) -> Earning:
    """The programme's caps, which scale all shares alike, and the one rounding."""
    total, over, times = sheet.total(), sheet.over, 1
    limit, name = _limit(programme.caps, used)
    if total > limit * over:
        total, over, times, capped_by = limit * total, total, limit, name
    points = rounded(total, over, programme.rounding)
    return Earning(
        points,
        desired,
        rounded(basis.total, basis.over, "half_up"),
        _shares(sheet, basis, member, times, over),
        capped_by if points < desired else None,
        programme.rounding,
        total,
        over,
        programme.version,
        (basis.total, basis.over),
        cart,
        member,
    )


def _limit(caps: Caps, used: Used) -> tuple[int, str]:
    """The tightest of the programme's caps, and its name."""
    limit, name = POINTS_LIMIT, "points_limit"
    if caps.per_order is not None and caps.per_order < limit:
        limit, name = caps.per_order, "per_order"
    if caps.per_member_day is not None and caps.per_member_day - used.day < limit:
        limit, name = caps.per_member_day - used.day, "per_member_day"
    if caps.per_member_month is not None and caps.per_member_month - used.month < limit:
        limit, name = caps.per_member_month - used.month, "per_member_month"
    return max(limit, 0), name


def _shares(
    sheet: Sheet, basis: Basis, member: EarningFacts, times: int, over: int
) -> tuple[RuleShare, ...]:
    line_nos = [line.line_no for line in basis.lines]
    return tuple([_share(row, member, line_nos, times, over) for row in sheet.rows()])


def _share(
    row: Row, member: EarningFacts, line_nos: Sequence[int], times: int, over: int
) -> RuleShare:
    rule = row.rule
    points = row.points if times == 1 else [part * times for part in row.points]
    counted = None if row.counted is None else row.counted * times
    if rule is None:
        name = member.tier or TIER
        return RuleShare(None, None, name, TIER, row.factor, line_nos, points, over, None, None)
    return RuleShare(
        rule.id,
        rule.version,
        rule.name,
        rule.kind,
        row.factor,
        line_nos,
        points,
        over,
        row.capped_by,
        counted,
        # What takes points away takes them from those that there are, whatever they last.
        None if row.factor is not None and row.factor[0] < row.factor[1] else rule.expiry,
    )
