"""Manual tiers: a floor that staff put under a member, with an optional end and a reason."""

from dataclasses import replace
from datetime import datetime

from crm.errors import N_, Unprocessable
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.reviews import step, without_floor
from crm.members.tiers.standing import Change, Standing


class UnknownTier(Unprocessable):
    """The ladder in force has no tier of this code (422)."""

    code = "unknown_tier"
    detail = N_("The ladder has no tier {tier}.")


def set_floor(
    standing: Standing, ladder: Ladder, code: str, until: datetime | None, reason: str, at: datetime
) -> tuple[Standing, list[Change]]:
    """Staff hold a member at `code` or higher from `at` (advance to it first) until `until`.

    Replaces an earlier floor. A floor below what is earned changes nothing while that lasts.
    Raises `UnknownTier`.
    """
    if code not in ladder.ranks:
        raise UnknownTier(tier=code, pointer="/code")
    assert until is None or until > at
    after = replace(
        standing,
        floor=code,
        floor_since=at,
        floor_until=until,
        floor_reason=reason,
        reviewed_at=standing.decided_at(at),
    )
    return after, [step(standing, after, ladder, at, "manual")]


def clear_floor(standing: Standing, ladder: Ladder, at: datetime) -> tuple[Standing, list[Change]]:
    """Staff take the floor away at `at` (advance to it first); nothing happens without one."""
    if standing.floor is None:
        return standing, []
    after = without_floor(standing, at)
    return after, [step(standing, after, ladder, at, "manual")]
