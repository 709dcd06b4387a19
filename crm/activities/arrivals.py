"""Acts that happen by themselves: signing up, and completing one's profile. In the caller's
transaction, once per member for ever; nothing is locked or written where no rule asks for it.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members import profiles
from crm.points import awarding, rulebook
from crm.points.accounts import lock_accounts
from crm.points.awarding import Asked
from crm.points.errors import NoRuleForActivity

PROFILE = text("""
    SELECT m.name IS NOT NULL AS name, m.gender IS NOT NULL AS gender,
           m.birthday_month IS NOT NULL AS birthday,
           coalesce(bool_or(i.kind = 'phone'), false) AS phone,
           coalesce(bool_or(i.kind = 'email'), false) AS email
    FROM member m LEFT JOIN member_identity i ON i.member_id = m.id
    WHERE m.id = :member GROUP BY m.id
""")


def welcome(member_ids: Iterable[UUID], *, actor: str, now: datetime) -> None:
    """Reward members who have just registered, for that and for a profile that is complete."""
    for activity in ("sign_up", "profile_completed"):
        if awarding.in_force(activity, now):
            for member_id in sorted(member_ids):
                _reward(member_id, activity, actor, now)


def lock_profile(member_id: UUID, *, now: datetime) -> None:
    """Before a profile changes: accounts are locked before records, as orders do it.

    Raises `MemberNotFound`.
    """
    if awarding.in_force("profile_completed", now):
        lock_accounts([profiles.require(member_id)])


def profile_changed(member_id: UUID, *, actor: str, now: datetime) -> None:
    """Reward a member whose profile is complete after a change, unless he was rewarded before."""
    if awarding.in_force("profile_completed", now):
        _reward(member_id, "profile_completed", actor, now)


def _reward(member_id: UUID, activity: str, actor: str, now: datetime) -> None:
    if activity == "profile_completed" and not is_complete(member_id, now=now):
        return
    with suppress(NoRuleForActivity):  # none is for this member; a later one may still be
        awarding.award(member_id, Asked(activity, actor=actor), now=now)


def is_complete(member_id: UUID, *, now: datetime) -> bool:
    """Whether the profile has all that the programme's `activities.profile_fields` ask for."""
    wanted = rulebook.load().programme_at(now).activities.profile_fields
    has = db.session.execute(PROFILE, {"member": member_id}).one()._asdict()
    has["contact"] = has["phone"] or has["email"]
    return all(has[name] for name in wanted)
