"""What a launch would come to now: who gets it, what it costs, what it will be able to tell.

Nothing is written. The same query is written down at the launch, so a launch at this instant comes
to exactly this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import (
    audience,
    checks,
    costs,
    counting,
    detection,
    drafts,
    judging,
    policy,
)
from crm.campaigns.checks import Check
from crm.campaigns.costs import ArmCost
from crm.campaigns.counting import Lately
from crm.campaigns.models import Campaign, CampaignArm
from crm.campaigns.schedule import Due
from crm.campaigns.waterfall import Waterfall
from crm.db import db
from crm.messages import policy as message_policy
from crm.messages.models import MessageTemplate
from crm.points import programme

LOOKED_AT = 200
READ = 5  # members whose text messages are counted in parts
SIZE = """
    SELECT count(*) FILTER (WHERE x.member_id IS NULL) AS left_,
           count(*) FILTER (WHERE x.member_id IS NOT NULL) AS excluded
    FROM ({audience}) AS a
    LEFT JOIN (SELECT DISTINCT member_id FROM ({excluded}) AS e) AS x USING (member_id)
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What it comes to, as of an instant."""

    campaign: Campaign
    arms: Sequence[CampaignArm]
    channel: str
    as_of: datetime
    waterfall: Waterfall
    costs: Sequence[ArmCost]
    cost: dict[str, Any]
    lately: Lately
    checks: Sequence[Check]
    dues: Sequence[Due]
    sample: Sequence[UUID]

    @property
    def will_send(self) -> int:
        """How many messages it comes to."""
        return self.waterfall.will_send

    @property
    def needs_approval(self) -> bool:
        """Whether a second person has to look at it."""
        worst = self.cost["worst"]
        if worst is None:  # nothing bounds it
            return policy.current().cost is not None or self._wants(0)
        return self._wants(worst)

    def _wants(self, worst: int) -> bool:
        return policy.current().wants_second(self.will_send, worst)

    @property
    def ends(self) -> tuple[datetime | None, datetime | None]:
        """When the first and the last member's time comes."""
        found = [due.at for due in self.dues if due.at is not None]
        return (min(found), max(found)) if found else (None, None)

    def detectable(self) -> dict[str, Any]:
        """The smallest rise of members who buy, and of profit, that it can tell from chance."""
        treated, held, base = self.will_send, self.waterfall.holdout, self.lately.share
        share = detection.share(treated, held, base)
        variance = self.lately.variance * (policy.document()["margin_percent"] / 100) ** 2
        profit = detection.profit(treated, held, variance)
        return {
            "days": self.campaign.attribution_days,
            "treated": treated,
            "holdout": held,
            "base_share": round(base, 6),
            "detectable_share": None if share is None else round(share, 6),
            "detectable_profit": None if profit is None else round(profit, 2),
        }

    def document(self) -> dict[str, Any]:
        """As the API shows it, without the sentences of its checks."""
        starts_at, ends_at = self.ends
        return {
            "campaign": self.campaign.id,
            "revision": self.campaign.revision,
            "as_of": self.as_of,
            "waterfall": self.waterfall.steps(),
            "will_send": self.will_send,
            "arms": [one.of(self.waterfall.arms.get(one.no, 0)) for one in self.costs],
            "cost": self.cost,
            "detectable": self.detectable(),
            "needs_approval": self.needs_approval,
            "starts_at": starts_at,
            "ends_at": ends_at,
        }


def make(found: Campaign, *, now: datetime) -> Plan:
    """Plan a draft. Raises `Invalid` naming what it lacks."""
    arms = drafts.arms_of(found.id)
    drafts.require_whole(found, arms, now)
    channel = channel_of(arms)
    rules = message_policy.current()
    dues = judging.zones(found, channel, rules, now)
    query = judging.judged(found, arms, channel, dues, rules, now)
    since = now.astimezone(programme.current(now).zone).date() - timedelta(found.attribution_days)
    begun = now - timedelta(found.attribution_days)
    whole, lately = counting.count(query, since, begun)
    sample = counting.member_ids(query, LOOKED_AT) if whole.will_send else []
    each = costs.of_arms(arms, channel, sample[:READ], now)
    return Plan(
        campaign=found,
        arms=arms,
        channel=channel,
        as_of=now,
        waterfall=whole,
        costs=each,
        cost=costs.total(each, whole.arms, programme.current(now).currency),
        lately=lately,
        checks=checks.look(found, arms, channel, whole, each, sample, now),
        dues=dues,
        sample=sample,
    )


def channel_of(arms: Sequence[CampaignArm]) -> str:
    """The channel of all arms."""
    template = db.session.get(MessageTemplate, arms[0].template_id)
    assert template is not None, "a foreign key says so"
    return template.channel


def audience_size(found: Campaign, now: datetime) -> tuple[int, int]:
    """How many of a draft's audience are left, and how many are excluded, while it lacks arms."""
    assert found.audience_id is not None
    members = audience.members(found.audience_id, found.exclude, now)
    query = SIZE.format(audience=members.audience, excluded=members.excluded)
    with counting.room():
        row = db.session.execute(text(query), members.params).one()
    return row.left_, row.excluded
