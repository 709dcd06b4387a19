"""What is looked at before a launch: what blocks it, and what somebody should know."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.campaigns import costs, samples, schedule
from crm.campaigns.costs import ArmCost
from crm.campaigns.models import Campaign, CampaignArm
from crm.campaigns.waterfall import Waterfall
from crm.errors import N_
from crm.messages import channels
from crm.messages.templates import previewing

TEXTS = {
    "reaches_nobody": N_("Nobody would get a message."),
    "schedule_in_the_past": N_("The time to send has passed."),
    "channel_off": N_("Nobody takes messages of this channel: no provider is set up."),
    "value_missing": N_("The message names {name}, and nobody has it."),
    "values_missing": N_(
        "The message names {name}, which is missing for {members} of the {looked_at} looked at."
    ),
    "coupon_unbounded": N_(
        "Nothing bounds what a coupon takes off, so the budget can't hold: set its maximum."
    ),
    "coupons_enough": N_("Coupons that can be given: {left}; needed: {needed}."),
    "coupons_short": N_("Not enough coupons can be given: {left}; needed: {needed}."),
    "budget_enough": N_("The budget is enough for all."),
    "budget_short": N_(
        "The budget is enough for so many members: {members}. The rest get nothing."
    ),
    "no_holdout": N_("Nobody is held out, so the effect can't be told."),
    "quiet_hours": N_("Messages wait for the hours in which marketing may reach people."),
}
BLOCKING = {
    "reaches_nobody", "schedule_in_the_past", "channel_off", "value_missing", "coupon_unbounded",
}  # fmt: skip
GOOD = {"coupons_enough", "budget_enough", "quiet_hours"}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: a code of `TEXTS`, and the facts that fill its sentence."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether a launch is refused for it."""
        return self.code in BLOCKING

    @property
    def good(self) -> bool:
        """Whether it is as it should be."""
        return self.code in GOOD


def look(
    found: Campaign,
    arms: Sequence[CampaignArm],
    channel: str,
    whole: Waterfall,
    each: Sequence[ArmCost],
    sample: Sequence[UUID],
    now: datetime,
) -> list[Check]:
    """All findings, those that block first."""
    said = [
        *_schedule(found, now),
        *([] if whole.will_send else [Check("reaches_nobody")]),
        *([] if channels.provider_of(channel) else [Check("channel_off")]),
        *(one for arm in arms for one in _values(arm, sample, now)),
        *_coupons(whole, each),
        *_budget(found, whole, each),
        *([] if whole.holdout or not whole.will_send else [Check("no_holdout")]),
        Check("quiet_hours"),
    ]
    return sorted(said, key=lambda one: not one.blocks)


def _schedule(found: Campaign, now: datetime) -> Iterator[Check]:
    given = found.schedule
    if not schedule.is_local(given) and schedule.instant(given, now) < now:
        yield Check("schedule_in_the_past")


def _values(arm: CampaignArm, sample: Sequence[UUID], now: datetime) -> Iterator[Check]:
    if not sample:
        return
    given = dict.fromkeys(sample, samples.variables(arm, now))
    lacking = previewing.missing_for(arm.template_id, sample, variables=given, now=now)
    for name, who in sorted(lacking.items()):
        if len(who) == len(sample):
            yield Check("value_missing", {"name": name})
        else:
            facts = {"name": name, "members": len(who), "looked_at": len(sample)}
            yield Check("values_missing", facts)


def _coupons(whole: Waterfall, each: Sequence[ArmCost]) -> Iterator[Check]:
    needed: dict[UUID, int] = {}
    left: dict[UUID, int] = {}
    for one in each:
        if one.template is not None:
            of = one.template.id
            needed[of] = needed.get(of, 0) + whole.arms.get(one.no, 0)
            if (found := costs.coupons_left(one.template)) is not None:
                left[of] = found
    for of, count in needed.items():
        if of in left:
            code = "coupons_enough" if left[of] >= count else "coupons_short"
            yield Check(code, {"left": left[of], "needed": count})


def _budget(found: Campaign, whole: Waterfall, each: Sequence[ArmCost]) -> Iterator[Check]:
    if found.budget is None:
        return
    if any(one.each is None for one in each):
        yield Check("coupon_unbounded")
        return
    worst = sum((one.each or 0) * whole.arms.get(one.no, 0) for one in each)
    if worst <= found.budget:
        yield Check("budget_enough")
    else:
        members = whole.will_send * found.budget // worst
        yield Check("budget_short", {"members": members})
