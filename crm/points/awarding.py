"""Awards by rules, in the caller's transaction: decided and written under the account's lock.

One award per (activity, source key) for ever. What caps trim to nothing is recorded all the same,
as an entry of no points, so that the same act asked again tomorrow is still the same act.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from crm.db import after_commit, db
from crm.errors import Refused
from crm.ids import digest_id
from crm.members import identity, profiles
from crm.members.tiers import storage as tiers
from crm.members.tiers.days import local_day, midnight
from crm.points import rulebook
from crm.points.accounts import lock_accounts
from crm.points.acts import NO_ORDER, REFERRER, Act, Given, Reward, applying, reward
from crm.points.awards import LIFTS
from crm.points.cart import EarningFacts
from crm.points.errors import (
    NoRuleForActivity,
    OrderNotPaid,
    OrderOfAnother,
    OrderRefunded,
    OrderRequired,
    SourceKeyUsed,
)
from crm.points.explaining import Missed, missed_for_act
from crm.points.programme_settings import Expiry
from crm.points.rule import Rule
from crm.queue import wake

ORDERS: dict[str, type[Refused]] = {
    kind.code: kind for kind in (OrderRequired, OrderNotPaid, OrderRefunded, OrderOfAnother)
}
ONCE = ("sign_up", "profile_completed")  # for ever, whatever the caller calls it

FIRST = text("""
    SELECT s.member_id, points_entry_document(e) AS document, e.data
    FROM points_source s JOIN points_entry e ON e.member_id = s.member_id AND e.seq = s.seq
    WHERE s.key = ANY (CAST(:keys AS uuid[])) ORDER BY e.occurred_at LIMIT 1
""")

GIVEN = text("""
    SELECT data FROM points_entry
    WHERE member_id = ANY (:selves) AND kind = 'award' AND data IS NOT NULL
      AND occurred_at >= :start AND occurred_at < :end
""")

WRITE = text("""
    SELECT seq FROM points_reward(:member, :activity, :source_key, :now, :zone,
                                  CAST(:lots AS jsonb), :actor, :reason, CAST(:data AS jsonb))
""")
LIFT = text("SELECT points_lift(CAST(:members AS uuid[]), :now)")
DOCUMENT = text("""
    SELECT points_entry_document(e) FROM points_entry e WHERE member_id = :member AND seq = :seq
""")


@dataclass(frozen=True, slots=True)
class Asked:
    """An act to be rewarded. `source_key` None: its natural one, where the activity has one.

    `order` is (channel, order_no), `order_unmet` why it does not count (None: it does; see
    `acts.Act`).
    """

    activity: str
    source_key: str | None = None
    reason: str | None = None
    expires_at: datetime | None = None
    order: tuple[str, str] | None = None
    order_unmet: str | None = NO_ORDER
    role: str = REFERRER
    actor: str = "system"


class Awarded(NamedTuple):
    """The award as the API shows it; `created` is false for the first one of an old source."""

    document: dict[str, Any]
    created: bool


def award(member_id: UUID, asked: Asked, *, now: datetime) -> Awarded:
    """Reward an act by the rules in force, or find the award that it had already.

    Raises `MemberNotFound`, `SourceKeyUsed`, `NoRuleForActivity` (with the `reasons`).
    """
    profiles.require(member_id)
    lock_accounts([member_id])
    facts = facts_of(member_id, now)
    key = source_key(member_id, asked, now, facts)
    first = find(member_id, asked, now, facts)
    if first is not None:
        return first
    book = rulebook.load()
    act = Act(asked.activity, now, facts, asked.order_unmet, asked.role)
    rules = applying(book.rules_at(now), act)
    if not rules:
        raise _nothing_applies(missed_for_act(book.around(now), act, ()), asked.activity)
    return grant(member_id, asked, key, rules, act)


def _nothing_applies(missed: Sequence[Missed], activity: str) -> Refused:
    """The refusal: the order where nothing else is in some rule's way, else that no rule fits."""
    reasons = [one.document() for one in missed]
    for one in missed:
        if one.why.code in ORDERS:
            return ORDERS[one.why.code](reasons=reasons, pointer="/order")
    return NoRuleForActivity(activity=activity, reasons=reasons, pointer="/points")


def in_force(activity: str, now: datetime) -> bool:
    """Whether any rule rewards this activity now: nobody need be locked where none does."""
    return any(rule.activity == activity for rule in rulebook.load().rules_at(now))


def facts_of(member_id: UUID, now: datetime) -> EarningFacts:
    """What rules for acts may know of a member now. Raises `MemberNotFound`."""
    default = rulebook.load().programme_at(now).timezone
    found = profiles.require_facts(member_id, default_zone=default)
    return EarningFacts(
        zone=ZoneInfo(found.zone),
        tier=tiers.shown_many([member_id], now)[member_id].code,
        segment=found.segment,
        birthday_month=found.birthday_month,
    )


def has_natural_key(activity: str) -> bool:
    """Whether an activity needs no source key: once for ever, a day, or a year."""
    return activity in (*ONCE, "check_in", "birthday")


def source_key(member_id: UUID, asked: Asked, now: datetime, facts: EarningFacts) -> str:
    """What the award is once for: the caller's key, else the member, with his day or year."""
    if asked.activity in ONCE:
        return str(member_id)
    if asked.source_key is not None:
        return asked.source_key
    day = local_day(now, facts.zone)
    assert has_natural_key(asked.activity), asked.activity
    return f"{member_id}:{day if asked.activity == 'check_in' else day.year}"


def find(member_id: UUID, asked: Asked, now: datetime, facts: EarningFacts) -> Awarded | None:
    """The award that this act had already, the member's own or that of a record merged into his."""
    selves = identity.selves(member_id)
    keys = {source_key(one, asked, now, facts) for one in selves}
    ids = [digest_id(f"award:{asked.activity}", key) for key in keys]
    row = db.session.execute(FIRST, {"keys": ids}).one_or_none()
    if row is None:
        return None
    if row.member_id not in selves:
        raise SourceKeyUsed(pointer="/source_key")
    return Awarded(row.document | said(row.document["points"], row.data), False)


def grant(
    member_id: UUID, asked: Asked, key: str, rules: Sequence[Rule], act: Act, *, none: str = ""
) -> Awarded:
    """Write what these rules give, which apply. The account is locked, the source is new.

    `none`: the name of a cap of the caller's own that leaves nothing at all.
    """
    programme = rulebook.load().programme_at(act.at)
    given = _given(member_id, asked.activity, act)
    found = reward(rules, act, given, programme.activities.per_member_day.get(asked.activity))
    if none:
        found = _nothing(found, none)
    data = _data(asked, found, act, programme.version)
    seq = db.session.scalar(
        WRITE,
        {
            "member": member_id,
            "activity": asked.activity,
            "source_key": key,
            "now": act.at,
            "zone": str(act.member.zone),
            "lots": json.dumps(_lots(found, asked.expires_at, programme.expiry)),
            "actor": asked.actor,
            "reason": asked.reason,
            "data": json.dumps(data),
        },
    )
    if db.session.scalar(LIFT, {"members": [member_id], "now": act.at}):
        after_commit(partial(wake, LIFTS))
    document = db.session.scalar(DOCUMENT, {"member": member_id, "seq": seq})
    return Awarded(document | said(found.granted, data), True)


def _given(member_id: UUID, activity: str, act: Act) -> Given:
    """What awards by rules have given of this activity on the member's local day so far."""
    day = local_day(act.at, act.member.zone)
    window = {
        "start": midnight(day, act.member.zone),
        "end": midnight(day + timedelta(days=1), act.member.zone),
    }
    total, by_rule, selves = 0, Counter[UUID](), identity.selves(member_id)
    for data in db.session.scalars(GIVEN, {"selves": selves, **window}):
        if data.get("activity") == activity:
            total += data["granted"]
            for share in data["breakdown"]:
                by_rule[UUID(share["rule_id"])] += share["granted"]
    return Given(total, by_rule)


def _nothing(found: Reward, cap: str) -> Reward:
    shares = [share._replace(granted=0, capped_by=cap) for share in found.shares]
    return Reward(found.desired, 0, cap, shares)


def _lots(found: Reward, expires_at: datetime | None, policy: Expiry) -> list[dict[str, Any]]:
    """Points by how long they last: the award's own instant, else the rule's policy, else ours."""
    if expires_at is not None:
        points = found.granted
        return [{"points": points, "expires_at": expires_at.isoformat()}] if points else []
    return [
        {"points": share.granted, "expiry": asdict(share.rule.expiry or policy)}
        for share in found.shares
        if share.granted
    ]


def _data(asked: Asked, found: Reward, act: Act, programme: int) -> dict[str, Any]:
    """What is kept with the entry: enough to say later why it is what it is."""
    order = asked.order and {"channel": asked.order[0], "order_no": asked.order[1]}
    return {
        "activity": asked.activity,
        "desired": found.desired,
        "granted": found.granted,
        "capped_by": found.capped_by,
        "breakdown": [share.document() for share in found.shares],
        "facts": act.member.document(),
        "order": order or None,
        "order_unmet": act.order,
        "role": act.role,
        "programme": programme,
    }


def said(points: int, data: dict[str, Any] | None) -> dict[str, Any]:
    """What an award's answer says beside its entry. Awards of so many points have no rules."""
    if data is None or "breakdown" not in data:
        return {"desired": points, "granted": points, "capped_by": None, "breakdown": []}
    return {name: data[name] for name in ("desired", "granted", "capped_by", "breakdown")}
