"""How many points an activity earns when the caller does not say: by the rules in force."""

from datetime import datetime

from crm.members import identity, profiles
from crm.members.identity import MemberRef
from crm.points import rulebook
from crm.points.errors import NoRuleForActivity


def points_for(who: MemberRef, activity: str, *, now: datetime) -> int:
    """The points of the activity's rules: of each exclusive group the first in rank, summed.

    Refuses `no_rule_for_activity`, `member_not_found`.
    """
    book = rulebook.load()
    profiles.require(identity.require(who))
    groups: set[str] = set()
    total = 0
    for rule in book.rules_at(now):
        if rule.kind != "activity" or rule.activity != activity:
            continue
        if rule.exclusive_group is not None:
            if rule.exclusive_group in groups:
                continue
            groups.add(rule.exclusive_group)
        total += rule.points
    if not total:
        raise NoRuleForActivity(activity=activity, pointer="/points")
    return total
