"""What holds for all campaigns: defaults, and from which size on a second person looks.

The default is what a shop starts with; a change is a new version and counts at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from crm import audit
from crm.campaigns.models import CampaignPolicy
from crm.db import db
from crm.http.principal import principal

DEFAULT: Mapping[str, Any] = {
    "approval": {"recipients": 20_000, "cost": 1_000_000},
    "holdout_percent": 10,
    "attribution_days": 14,
    "margin_percent": 40,
}
NEWEST = text("SELECT version, document FROM campaign_policy ORDER BY version DESC LIMIT 1")
NEWEST_LOCKED = text(f"{NEWEST.text} FOR UPDATE")


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
    found = document()
    return Policy(
        recipients=found["approval"]["recipients"],
        cost=found["approval"]["cost"],
        holdout_percent=found["holdout_percent"],
        attribution_days=found["attribution_days"],
    )


def document() -> dict[str, Any]:
    """The newest version as the API shows it."""
    version, found = _newest()
    return {**DEFAULT, **found, "version": version}


def put(body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A new version; what is not named keeps its value. The same again changes nothing."""
    version, before = _newest(lock=True)
    after = {**before, **body}
    after["approval"] = {**before["approval"], **body.get("approval", {})}
    if after == before:
        return {**before, "version": version}
    db.session.add(
        CampaignPolicy(
            version=version + 1, document=after, created_by=principal().name, created_at=now
        )
    )
    audit.record("campaign_policy.changed", "campaign_policy", version + 1,
                 before=before, after=after, now=now)  # fmt: skip
    db.session.flush()
    return {**after, "version": version + 1}


def _newest(*, lock: bool = False) -> tuple[int, dict[str, Any]]:
    found = db.session.execute(NEWEST_LOCKED if lock else NEWEST).one_or_none()
    return (found.version, found.document) if found else (0, dict(DEFAULT))
