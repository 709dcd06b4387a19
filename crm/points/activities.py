"""How many points an activity earns when the caller does not say: by the rules in force."""

from datetime import datetime
from zoneinfo import ZoneInfo

from crm.members import identity, profiles
from crm.members.identity import MemberRef
from crm.members.tiers import storage as tiers
from crm.points import rulebook
from crm.points.cart import EarningFacts
from crm.points.errors import NoRuleForActivity
from crm.points.selection import for_activity


def points_for(who: MemberRef, activity: str, *, now: datetime) -> int:
    """The points of the activity's rules whose conditions the member meets, summed.

    Refuses `no_rule_for_activity`, `member_not_found`.
    """
    book = rulebook.load()
    member_id = identity.require(who)
    zone = book.programme_at(now).timezone
    found = profiles.require_facts(member_id, default_zone=zone)
    facts = EarningFacts(
        zone=ZoneInfo(found.zone),
        tier=tiers.shown_many([member_id], now)[member_id].code,
        segment=found.segment,
        birthday_month=found.birthday_month,
    )
    rules = for_activity(book.rules_at(now), activity, now, facts)
    if not rules:
        raise NoRuleForActivity(activity=activity, pointer="/points")
    return sum(rule.points for rule in rules)
