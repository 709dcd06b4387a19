"""What holds for all campaigns: defaults, and from which size on a second person looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm.campaigns.models import CampaignPolicy
from crm.policies import Versions

DEFAULT: Mapping[str, Any] = {
    "approval": {"recipients": 20_000, "cost": 1_000_000},
    "holdout_percent": 10,
    "attribution_days": 14,
    "margin_percent": 40,
}
VERSIONS = Versions(CampaignPolicy, DEFAULT)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is in force. A launch to more `recipients`, or that may cost more than `cost` (minor
    units), waits for a second person; None: never for this."""

    recipients: int | None
    cost: int | None
    holdout_percent: int
    attribution_days: int

    def wants_second(self, will_send: int, worst_cost: int) -> bool:
        """Whether such a launch waits for a second person."""
        many = self.recipients is not None and will_send > self.recipients
        return many or (self.cost is not None and worst_cost > self.cost)


def current() -> Policy:
    """The policy in force, read in the current transaction."""
    found = VERSIONS.document()
    return Policy(
        recipients=found["approval"]["recipients"],
        cost=found["approval"]["cost"],
        holdout_percent=found["holdout_percent"],
        attribution_days=found["attribution_days"],
    )


document, put = VERSIONS.document, VERSIONS.put
