"""What members of staff do with rewards for members stands in the audit trail."""

from datetime import datetime

from crm import audit
from crm.http.principal import principal
from crm.points.rewards.models import RewardRedemption


def note(act: str, made: RewardRedemption, *, now: datetime) -> None:
    """Record an act of a member of staff; programs' acts stand in the redemption itself."""
    if principal().kind == "staff":
        after = {
            "reward_id": str(made.reward_id),
            "member_id": str(made.member_id),
            "points": made.points,
        }
        audit.record(
            f"reward.{act}", "reward_redemption", made.id, now=now, after=after,
            reason=made.cancel_reason,
        )  # fmt: skip
