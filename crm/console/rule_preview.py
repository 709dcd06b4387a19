"""What a draft of a rule would do to a cart or an act: reckoned with it and without, never written.

The reckoning is the one that orders and awards go through; only the rules are others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from crm.console import formats, reckoned
from crm.console.forms import Manner
from crm.console.rule_told import called
from crm.http import Schema, fields
from crm.i18n import locale
from crm.ids import uuid7
from crm.members.tiers import storage
from crm.members.tiers.ladder import Ladder
from crm.points import acts, earning, rulebook
from crm.points.acts import Act, Given
from crm.points.cart import Cart, CartLine, EarningFacts
from crm.points.earning import Earning, RuleShare
from crm.points.explaining import missed_for_act, missed_for_order
from crm.points.programme_settings import Programme
from crm.points.rule import ACTIVITY, Rule, rank
from crm.points.unmet import Unmet


class PreviewLine(Schema):
    """Goods in the cart that is tried out; `unit_price` in minor units."""

    sku = fields.Text(100, load_default="–")
    category = fields.Text(100, load_default=None)
    labels = fields.Items(fields.Text(60), 30, load_default=list)
    quantity = fields.Whole(1, 1_000_000, load_default=1)
    unit_price = fields.minor(required=True)


class PreviewIn(Schema):
    """Whose cart it is, where and when."""

    at = fields.Instant(load_default=None)
    store = fields.code(load_default=None)
    channel = fields.code(40, load_default=None)
    tier = fields.code(load_default=None)
    segment = fields.code(load_default=None)
    first_order = fields.Flag(load_default=False)
    birthday_month = fields.Flag(load_default=False)


@dataclass(frozen=True)
class Tried:
    """A draft, and what it is tried on."""

    draft: Rule
    lines: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    at: datetime


def draft(document: Mapping[str, Any], rule_id: UUID | None, at: datetime) -> Rule:
    """The rule as if it had been saved by `at`, with its own start and end."""
    given = {"name": document["kind"], **document}
    starts, ends = given.pop("starts_at", None), given.pop("ends_at", None)
    return Rule.parse(
        given,
        id=rule_id or uuid7(),
        version=0,
        valid_from=at,
        starts_at=starts,
        ends_at=ends,
    )


def tell(tried: Tried, manner: Manner) -> dict[str, Any]:
    """The result in words: points with the draft and without, the parts, and why not."""
    book = rulebook.load()
    programme, at = book.programme_at(tried.at), tried.at
    without = book.rules_at(at)
    others = [rule for rule in without if rule.id != tried.draft.id]
    around = sorted([*others, tried.draft], key=rank)
    rules = [rule for rule in around if rule.in_force(at)]
    facts = _facts(tried, programme)
    if tried.draft.kind == ACTIVITY:
        return _act(tried, programme, rules, without, around, facts)
    return _cart(tried, programme, rules, without, around, facts, manner)


def _facts(tried: Tried, programme: Programme) -> EarningFacts:
    ladder, given = storage.ladder_at(tried.at), tried.facts
    tier = ladder.tier(given["tier"] or ladder.tiers[0].code)
    month = tried.at.astimezone(programme.zone).month
    return EarningFacts(
        zone=programme.zone,
        tier=tier.code,
        multiplier=tier.multiplier,
        segment=given["segment"],
        first_order=given["first_order"],
        birthday_month=month if given["birthday_month"] else None,
    )


def _cart(
    tried: Tried,
    programme: Programme,
    rules: Sequence[Rule],
    without: Sequence[Rule],
    around: Sequence[Rule],
    facts: EarningFacts,
    manner: Manner,
) -> dict[str, Any]:
    lines = _lines(tried)
    cart = Cart(lines, tried.at, tried.facts["channel"], tried.facts["store"])
    found = earning.evaluate(programme, rules, cart, facts)
    now = earning.evaluate(programme, without, cart, facts)
    missed = missed_for_order(around, programme, lines, found.document())
    why = next((item.why for item in missed if item.rule.id == tried.draft.id), None)
    total = formats.money(sum(line.net for line in lines), manner.currency)
    return {
        "total": total,
        "points": found.points,
        "now": now.points,
        "parts": _parts(found, tried),
        "capped": bool(found.capped_by),
        "why": _reason(why, tried.at, manner),
    }


def _lines(tried: Tried) -> list[CartLine]:
    return [
        CartLine(
            place,
            line["sku"],
            line["quantity"],
            line["quantity"] * line["unit_price"],
            line["category"],
            line["labels"],
        )
        for place, line in enumerate(tried.lines, 1)
    ]


def _parts(found: Earning, tried: Tried) -> list[dict[str, Any]]:
    """What each rule brings; `own`: the one that is tried."""
    ladder = storage.ladder_at(tried.at)
    return [
        {
            "name": _part(share, ladder),
            "points": _shown(share.points),
            "own": share.rule_id == tried.draft.id,
            "capped": share.capped_by is not None,
        }
        for share in found.breakdown
    ]


def _shown(points: Fraction) -> str:
    """Whole points as they are, parts of them with two decimals."""
    return formats.number(float(points), 0 if points.denominator == 1 else 2)


def _part(share: RuleShare, ladder: Ladder) -> str:
    """A rule by its name, the tier's own multiplier by the tier's."""
    if share.rule_id is None:
        return ladder.tier(share.name).name(locale())
    return called(share.name, share.kind)


def _act(
    tried: Tried,
    programme: Programme,
    rules: Sequence[Rule],
    without: Sequence[Rule],
    around: Sequence[Rule],
    facts: EarningFacts,
) -> dict[str, Any]:
    assert tried.draft.activity is not None, "the schema asks for it"
    act = Act(tried.draft.activity, tried.at, facts, order=None)
    limit = programme.activities.per_member_day.get(act.activity)
    found = acts.reward(acts.applying(rules, act), act, Given(), limit)
    now = acts.reward(acts.applying(without, act), act, Given(), limit)
    applied = {share.rule.id for share in found.shares}
    missed = missed_for_act(around, act, applied)
    why = next((item.why for item in missed if item.rule.id == tried.draft.id), None)
    parts = [
        {
            "name": called(share.rule.name, share.rule.kind),
            "points": formats.number(share.granted),
            "own": share.rule.id == tried.draft.id,
            "capped": share.capped_by is not None,
        }
        for share in found.shares
    ]
    return {
        "total": "",
        "points": found.granted,
        "now": now.granted,
        "parts": parts,
        "capped": bool(found.capped_by),
        "why": _reason(why, tried.at, Manner(programme.currency, programme.zone)),
    }


def _reason(why: Unmet | None, at: datetime, manner: Manner) -> str:
    """The first thing in the way of the draft, if anything is."""
    if why is None:
        return ""
    return reckoned.reason(why.code, why.facts, manner, reckoned.tiers_at(at))
