"""How profit is reckoned: what of sales is margin, and what a point costs, as they are set now."""

from dataclasses import dataclass
from datetime import datetime

from crm.campaigns import policy
from crm.points import programme


@dataclass(frozen=True, slots=True)
class Terms:
    """`margin_percent` of sales before discounts is margin; `point` is what one point is worth
    when it is redeemed, in minor units of `currency`."""

    margin_percent: float
    point: float
    currency: str
    policy_version: int

    @property
    def margin(self) -> float:
        """The margin as a share."""
        return self.margin_percent / 100


def current(now: datetime) -> Terms:
    """What is set now."""
    found, book = policy.document(), programme.current(now)
    return Terms(
        margin_percent=found["margin_percent"],
        point=book.redemption.value_per_step / book.redemption.points_per_step,
        currency=book.currency,
        policy_version=found["version"],
    )
