"""Why a rule did not apply: the first condition that failed, as a code with facts, and in words.

`first_unmet` finds nothing exactly where `Conditions.hold` is true.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from crm.errors import N_
from crm.i18n import gettext
from crm.points.conditions import Conditions, LocalWindow, Situation
from crm.points.exact import rounded

REASONS = {
    "not_started": N_("The rule begins at {starts_at}."),
    "ended": N_("The rule ended at {ended_at}."),
    "added_later": N_("The rule was made after this had been counted."),
    "no_basis": N_("Nothing of the order earns points."),
    "other_store": N_("The rule is about other stores."),
    "other_channel": N_("The rule is about other channels."),
    "not_in_tier": N_("The rule is for other tiers; the member's was {tier}."),
    "not_in_segment": N_("The rule is for other segments of members."),
    "first_order_only": N_("The rule is for a member's first order."),
    "not_for_first_order": N_("The rule is not for a member's first order."),
    "min_basis": N_("The order must reach {min_basis}; {missing} was missing (minor units)."),
    "birthday_month_only": N_("The rule is for the month of the member's birthday."),
    "not_in_birthday_month": N_("The rule is not for the month of the member's birthday."),
    "local_time": N_("The rule counts from {from} to {to}; it was {was} where the member lives."),
    "weekday": N_("The rule counts on other days of the week."),
    "other_goods": N_("The rule is about other goods."),
    "excluded_goods": N_("These goods earn nothing."),
    "exclusive_group_taken": N_("{by_name} came first; only one rule of the group {group} counts."),
    "nothing_to_multiply": N_("No rate applied that this rule could multiply."),
    "capped": N_("A limit was used up: {capped_by}."),
    "order_required": N_("The rule asks for the order that this is about."),
    "order_not_paid": N_("The order is not paid."),
    "order_refunded": N_("The order was refunded or cancelled."),
    "order_of_another": N_("The order is another member's."),
}

CAPS = {
    "rule_per_order": N_("what the rule gives on one order"),
    "rule_per_member_day": N_("what the rule gives a member on one day"),
    "activity_per_member_day": N_("what this activity gives a member on one day"),
    "per_order": N_("what one order can earn"),
    "per_member_day": N_("what a member can earn on one day"),
    "per_member_month": N_("what a member can earn in one month"),
    "referrals_per_month": N_("how many friends count in one month"),
    "points_limit": N_("the most that one entry can hold"),
}


class Unmet(NamedTuple):
    """The condition that failed: its code (a key of `REASONS`) and the facts of it."""

    code: str
    facts: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As the API says it, with a sentence in the reader's language."""
        return {**self.facts, "code": self.code, "detail": sentence(self.code, self.facts)}


def sentence(code: str, facts: Mapping[str, Any]) -> str:
    """The reason in the reader's language."""
    said = dict(facts)
    if "capped_by" in said:
        said["capped_by"] = gettext(CAPS[said["capped_by"]])
    return gettext(REASONS[code]).format(**said)


def first_unmet(conditions: Conditions, situation: Situation) -> Unmet | None:
    """The first of the conditions on everything but the lines that fails, in a fixed order."""
    member = situation.member
    if conditions.stores and situation.store not in conditions.stores:
        return Unmet("other_store", {"stores": sorted(conditions.stores), "was": situation.store})
    if conditions.channels and situation.channel not in conditions.channels:
        facts = {"channels": sorted(conditions.channels), "was": situation.channel}
        return Unmet("other_channel", facts)
    if conditions.tiers and member.tier not in conditions.tiers:
        return Unmet("not_in_tier", {"tiers": sorted(conditions.tiers), "tier": member.tier})
    if conditions.segments and member.segment not in conditions.segments:
        facts = {"segments": sorted(conditions.segments), "was": member.segment}
        return Unmet("not_in_segment", facts)
    if conditions.first_order not in (None, member.first_order):
        return Unmet("first_order_only" if conditions.first_order else "not_for_first_order", {})
    return _basis(conditions, situation) or _when(conditions, situation)


def _basis(conditions: Conditions, situation: Situation) -> Unmet | None:
    numerator, over = situation.basis
    missing = conditions.min_basis * over - numerator
    if not conditions.min_basis or missing <= 0:
        return None
    facts = {"min_basis": conditions.min_basis, "missing": rounded(missing, over, "ceil")}
    return Unmet("min_basis", facts)


def _when(conditions: Conditions, situation: Situation) -> Unmet | None:
    local = situation.local
    if conditions.birthday_month is not None:
        in_month = situation.member.birthday_month == local.month
        if conditions.birthday_month != in_month:
            only = conditions.birthday_month
            return Unmet("birthday_month_only" if only else "not_in_birthday_month", {})
    day = conditions.window.day_of(local) if conditions.window else local.date()
    if day is None:
        return Unmet("local_time", _hours(conditions.window) | {"was": f"{local:%H:%M}"})
    if conditions.weekdays and day.isoweekday() not in conditions.weekdays:
        facts = {"weekdays": sorted(conditions.weekdays), "was": day.isoweekday()}
        return Unmet("weekday", facts)
    return None


def _hours(window: LocalWindow | None) -> dict[str, str]:
    assert window is not None, "without a window every hour will do"
    return {"from": f"{window.start:%H:%M}", "to": f"{window.end:%H:%M}"}
