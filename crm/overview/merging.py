"""Merging two records of one person, and parting them again, through all rooms at once.

One transaction, one order of locks: orders, accounts ascending, standings, records ascending.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm import audit
from crm.campaigns.surveys import merging as surveys
from crm.cases import merging as cases
from crm.coupons import merging as coupons
from crm.members import profiles
from crm.members.errors import MergeWithSelf
from crm.members.merging import profile, register
from crm.members.models import Member, MemberMerge
from crm.members.ranking import rewrite
from crm.messages import merging as messages
from crm.orders import merged_tiers
from crm.orders import merging as orders
from crm.points import merging as accounts
from crm.points import rulebook


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge, and whether this call made it."""

    merge: MemberMerge
    created: bool


def merge(into_id: UUID, from_id: UUID, *, actor: str, now: datetime) -> Merged:
    """Merge the record `from_id` into `into_id`; the same merge again changes nothing.

    Raises `MemberNotFound`, `MergeWithSelf`, `MergeChain`, `MergeCycle`, `MemberErased`.
    """
    gone, kept = register.records((from_id, into_id))
    if from_id == into_id:
        raise MergeWithSelf(pointer="/from")
    done = register.check(gone, kept, now=now)
    if done is None:
        orders.lock(from_id, into_id)
        gone, kept = register.records((from_id, into_id))
        done = register.check(gone, kept, now=now)
    if done is not None:
        return Merged(done, created=False)
    return Merged(_merge(from_id, into_id, actor, now), created=True)


def _merge(from_id: UUID, into_id: UUID, actor: str, now: datetime) -> MemberMerge:
    merge_id = register.new_id()
    merged_tiers.settle(from_id, into_id, now)
    gone, kept = register.records((from_id, into_id), lock=True)
    points = accounts.move(merge_id, from_id, into_id, actor=actor, now=now)
    people = profile.move(gone, kept, merge_id, now=now)
    count = orders.move(
        merge_id, from_id, into_id, heading=points.heading, zone=_zone(into_id, now), now=now
    )
    moved = {
        "members": people,
        "points": points._asdict(),
        "orders": count,
        "coupons": coupons.move(from_id, into_id),
        "messages": messages.move(from_id, into_id),
        "cases": cases.move(from_id, into_id),
        "tier": merged_tiers.join(from_id, into_id, now),
    }
    surveys.move(from_id, into_id)
    merge = register.write(merge_id, gone, kept, moved, actor=actor, at=now)
    _audit("member.merged", merge, now)
    return merge


def undo(merge_id: UUID, *, actor: str, now: datetime) -> MemberMerge:
    """Part two records again; the same undo again changes nothing.

    Raises `MergeNotFound`, `MergeFinal`, `MergeNotLast`, `MemberErased`.
    """
    merge = register.find(merge_id, lock=True)
    if merge.undone_at is not None:
        return merge
    pair = (merge.from_id, merge.into_id)
    register.check_undo(merge, *register.records(pair), now=now)
    orders.lock_again(merge_id, *pair)
    merged_tiers.settle(*pair, now)
    gone, kept = register.records(pair, lock=True)
    register.check_undo(merge, gone, kept, now=now)
    _part(merge, gone, kept, actor, now)
    register.close(merge, actor=actor, at=now)
    _audit("member.unmerged", merge, now)
    return merge


def _part(merge: MemberMerge, gone: Member, kept: Member, actor: str, now: datetime) -> None:
    pair, moved = (gone.id, kept.id), merge.moved
    seqs = accounts.give_back(
        merge.id,
        *pair,
        moved["points"],
        followers=moved["members"]["followers"],
        seqs=orders.opened_since(merge.id, kept.id),
        actor=actor,
        now=now,
    )
    profile.give_back(merge, gone, kept, now=now)
    coupons.give_back(*pair)
    messages.give_back(*pair, moved.get("messages", []), since=merge.at, now=now)
    cases.give_back(*pair)
    surveys.give_back(*pair)
    orders.give_back(merge.id, *pair, seqs, zone=_zone(gone.id, now), now=now)
    profiles.seen_again(orders.last_paid(*pair), pair)
    for one in sorted(pair):
        rewrite(one)
    merged_tiers.part(*pair, moved["tier"], now)


def _zone(member_id: UUID, now: datetime) -> str:
    default = rulebook.load().programme_at(now).timezone
    return profiles.require_facts(member_id, default_zone=default).zone


def _audit(action: str, merge: MemberMerge, now: datetime) -> None:
    facts = {"merge": str(merge.id), "from": str(merge.from_id), "into": str(merge.into_id)}
    for one in (merge.into_id, merge.from_id):
        audit.record(action, "member", one, after=facts, now=now)
