"""The journeys there are, by code, in the order in which people read them."""

from collections.abc import Mapping
from types import MappingProxyType

from crm.campaigns.journeys.definition import Journey
from crm.campaigns.journeys.errors import JourneyNotFound
from crm.campaigns.journeys.kinds import (
    after_sale,
    birthday,
    holiday,
    member_day,
    points_expiring,
    repurchase,
    tier_at_risk,
    tier_up,
    welcome,
    win_back,
)

JOURNEYS: Mapping[str, Journey] = MappingProxyType(
    {
        kind.JOURNEY.code: kind.JOURNEY
        for kind in (
            welcome,
            birthday,
            after_sale,
            repurchase,
            win_back,
            points_expiring,
            tier_up,
            tier_at_risk,
            holiday,
            member_day,
        )
    }
)


def find(code: str) -> Journey:
    """One of them. Raises `JourneyNotFound`."""
    found = JOURNEYS.get(code)
    if found is None:
        raise JourneyNotFound()
    return found
