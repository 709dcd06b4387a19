"""Merges as the contract prints them, and what a merge would move."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members import documents, tags
from crm.members.errors import MergeChain, MergeWithSelf
from crm.members.merging import consents, profile, register
from crm.members.models import MemberMerge

WAITING = text("""
    SELECT coalesce(sum(l.remaining), 0)::bigint AS points, count(l.id) AS lots,
           coalesce((SELECT debt FROM points_account WHERE member_id = :member), 0) AS debt,
           (SELECT count(*) FROM orders WHERE member_id = :member) AS orders,
           (SELECT count(*) FROM coupon WHERE member_id = :member) AS coupons,
           (SELECT count(*) FROM member_case WHERE member_id = :member) AS cases,
           (SELECT count(*) FROM member_identity WHERE member_id = :member) AS identities,
           (SELECT count(*) FROM member WHERE referred_by = :member) AS referrals
    FROM points_lot l
    WHERE l.member_id = :member AND l.remaining > 0
      AND (l.expires_at IS NULL OR l.expires_at > :now)
""")


def document(merge: MemberMerge) -> dict[str, Any]:
    """One merge."""
    return {
        "id": merge.id,
        "from_": merge.from_id,
        "into": merge.into_id,
        "merged_at": merge.at,
        "merged_by": merge.actor,
        "undo_until": merge.at + register.UNDO,
        "undone_at": merge.undone_at,
        "undone_by": merge.undone_by,
        "moved": _moved(merge.moved),
    }


def _moved(moved: Mapping[str, Any]) -> dict[str, Any]:
    people, points = moved["members"], moved["points"]
    return {
        "points": points["points"],
        "lots": points["lots"],
        "debt": points["debt"],
        "orders": moved["orders"],
        "coupons": moved.get("coupons", 0),
        "cases": moved.get("cases", 0),
        "identities": sum(people["identities"].values()),
        "tags": people["tags"],
        "consents": len(people["consents"]["taken"]),
        "referrals": len(people["referees"]),
        "filled": people["filled"],
    }


def preview(into_id: UUID, from_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Both records and what would move, as far as it can be foretold; nothing is written.

    Refuses what the merge would refuse; a pair that is merged already as well.
    """
    gone, kept = register.records((from_id, into_id))
    if from_id == into_id:
        raise MergeWithSelf(pointer="/from")
    if register.check(gone, kept, now=now) is not None:
        raise MergeChain(member_id=str(from_id), merged_into=str(into_id))
    figures = db.session.execute(WAITING, {"member": from_id, "now": now}).mappings().one()
    own, theirs = (consents.decisions(one) for one in (into_id, from_id))
    return {
        "from_": documents.document(from_id, now=now),
        "into": documents.document(into_id, now=now),
        "moves": {
            **figures,
            "tags": sorted(set(tags.of(from_id)) - set(tags.of(into_id))),
            "consents": sum(consents.is_stricter(own.get(key), theirs[key]) for key in theirs),
            "filled": profile.lacking(gone, kept),
        },
    }
