"""What the members' room moves in a merge, and gives back: identities, profile, tags, referrals."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.auth import staff
from crm.db import db
from crm.members import events, ranking
from crm.members.merging import consents
from crm.members.models import Member, MemberMerge

# What the record that lives on lacks is filled in, group by group; the first column speaks for it.
GROUPS = (
    ("name", "name_sort", "name_keys"),
    ("gender",),
    ("birthday_month", "birthday_day", "birthday_year", "birthday_calendar"),
    ("locale",),
    ("timezone",),
    ("home_store",),
    ("source",),
)
EMPTY: Mapping[str, Any] = {"name_keys": []}

IDENTITIES = text("""
    UPDATE member_identity SET member_id = :into, came_with = :gone
    WHERE member_id = :gone RETURNING kind
""")
IDENTITIES_BACK = text("""
    UPDATE member_identity SET member_id = :gone, came_with = NULL
    WHERE member_id = :into AND came_with = :gone
""")
TAGS = text("""
    INSERT INTO member_tag (member_id, tag, added_at)
    SELECT :into, tag, added_at FROM member_tag WHERE member_id = :gone
    ON CONFLICT DO NOTHING RETURNING tag
""")
TAGS_BACK = text("DELETE FROM member_tag WHERE member_id = :into AND tag = ANY (:tags)")
REFERRED = text("""
    UPDATE member SET referred_by = :into WHERE referred_by = :gone AND id <> :into RETURNING id
""")
REFERRED_BACK = text("""
    UPDATE member SET referred_by = :gone
    WHERE id = ANY (CAST(:ids AS uuid[])) AND referred_by = :into
""")
FOLLOWERS = text("UPDATE member SET merged_into = :into WHERE merged_into = :gone RETURNING id")
FOLLOWERS_BACK = text("""
    UPDATE member SET merged_into = :gone WHERE id = ANY (CAST(:ids AS uuid[]))
""")


def move(gone: Member, kept: Member, merge_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Move what hangs on `gone` to `kept`. Both are locked. Returns what an undo needs."""
    both = {"gone": gone.id, "into": kept.id}
    moved = {
        "filled": _fill(gone, kept),
        "attributes": _add_attributes(gone, kept),
        "consents": consents.move(gone.id, kept.id, now),
        "segment": gone.segment,
        "referrer": _move_referrer(gone, kept),
        "staff": [str(one) for one in staff.follow(gone.id, kept.id)],
    }
    db.session.flush()
    moved |= {
        "identities": Counter(db.session.scalars(IDENTITIES, both)),
        "tags": sorted(db.session.scalars(TAGS, both)),
        "referees": [str(one) for one in db.session.scalars(REFERRED, both)],
        "followers": [str(one) for one in db.session.scalars(FOLLOWERS, both)],
    }
    gone.status, gone.merged_into, gone.segment = "merged", kept.id, None
    seen = [one.last_seen_at for one in (gone, kept) if one.last_seen_at]
    kept.last_seen_at = max(seen, default=None)
    kept.updated_at = gone.updated_at = now
    _rank(gone, kept)
    facts = {"merge_id": str(merge_id)}
    events.record(
        kept.id, "merged", at=now, **facts, other_id=str(gone.id), other_no=gone.member_no
    )
    events.record(
        gone.id, "merged_into", at=now, **facts, other_id=str(kept.id), other_no=kept.member_no
    )
    return moved


def give_back(merge: MemberMerge, gone: Member, kept: Member, *, now: datetime) -> None:
    """Give `gone` back what came with it, as far as it is still there. Both are locked."""
    moved = merge.moved["members"]
    both = {"gone": gone.id, "into": kept.id}
    gone.status, gone.merged_into, gone.segment = "active", None, moved["segment"]
    _empty(gone, kept, moved)
    _return_referrer(gone, kept, moved["referrer"])
    kept.updated_at = gone.updated_at = now
    db.session.flush()
    db.session.execute(IDENTITIES_BACK, both)
    db.session.execute(TAGS_BACK, {"into": kept.id, "tags": moved["tags"]})
    db.session.execute(REFERRED_BACK, both | {"ids": moved["referees"]})
    db.session.execute(FOLLOWERS_BACK, {"gone": gone.id, "ids": moved["followers"]})
    consents.give_back(gone.id, kept.id, moved["consents"], now)
    staff.follow(kept.id, gone.id, only=[UUID(one) for one in moved["staff"]])
    _rank(gone, kept)
    for one, other in ((kept, gone), (gone, kept)):
        events.record(
            one.id, "unmerged", at=now, merge_id=str(merge.id), other_id=str(other.id),
            other_no=other.member_no,
        )  # fmt: skip


def _rank(gone: Member, kept: Member) -> None:
    for one in sorted((gone.id, kept.id)):
        ranking.rewrite(one)


def lacking(gone: Member, kept: Member) -> list[str]:
    """What `kept` lacks and `gone` has: the names of the columns that stand for the groups."""
    return [
        group[0]
        for group in GROUPS
        if getattr(kept, group[0]) is None and getattr(gone, group[0]) is not None
    ]


def _fill(gone: Member, kept: Member) -> list[str]:
    filled = lacking(gone, kept)
    for group in GROUPS:
        if group[0] in filled:
            for name in group:
                setattr(kept, name, getattr(gone, name))
    return filled


def _add_attributes(gone: Member, kept: Member) -> list[str]:
    added = sorted(set(gone.attributes) - set(kept.attributes))
    kept.attributes = gone.attributes | kept.attributes
    return added


def _empty(gone: Member, kept: Member, moved: Mapping[str, Any]) -> None:
    """Take out again what was filled in and is still the same."""
    for group in GROUPS:
        same = all(getattr(kept, name) == getattr(gone, name) for name in group)
        if group[0] in moved["filled"] and same:
            for name in group:
                setattr(kept, name, EMPTY.get(name))
    kept.attributes = {
        name: value
        for name, value in kept.attributes.items()
        if name not in moved["attributes"] or value != gone.attributes.get(name)
    }


def _move_referrer(gone: Member, kept: Member) -> str | None:
    """Nobody refers himself; a referrer that only `gone` has is kept. Returns what was done."""
    if kept.referred_by == gone.id:
        kept.referred_by = None
        return "cleared"
    if kept.referred_by is None and gone.referred_by not in (None, kept.id):
        kept.referred_by = gone.referred_by
        return "filled"
    return None


def _return_referrer(gone: Member, kept: Member, done: str | None) -> None:
    if done == "cleared" and kept.referred_by is None:
        kept.referred_by = gone.id
    if done == "filled" and kept.referred_by == gone.referred_by:
        kept.referred_by = None
