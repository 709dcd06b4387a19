"""Changing a profile by merge patch (RFC 7396): what is named changes, null clears."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from crm import audit
from crm.db import config, db
from crm.errors import NN_
from crm.members import contacts, drafts, events, ranking, tags
from crm.members.documents import IN_ORDER, documents
from crm.members.drafts import Claimed, Draft
from crm.members.errors import IdentityConflict, UnknownStore, invalid_field
from crm.members.identity import absent
from crm.members.models import Member, MemberIdentity, MemberTag, Store

MOST_ATTRIBUTES = 50
TOO_MANY = NN_(
    "This must have at most {high} item.", "This must have at most {high} items.", "high"
)
SEARCHED = {"name", "phone", "home_store"}
UNSAID = {"updated_at", "tier"}
PERSONAL = {"name", "birthday", "external_ids", "attributes"}


def amend(member_id: UUID, patch: Mapping[str, Any], *, now: datetime) -> list[dict[str, Any]]:
    """Change a member; returns warnings of what could not be taken as it was given.

    Lists (`tags`, `external_ids`) are replaced, `attributes` merged. Raises `MemberNotFound`,
    `IdentityConflict`, `UnknownStore`, `Invalid`.
    """
    member = db.session.scalar(
        select(Member)
        .where(Member.id == member_id, Member.status == "active")
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if member is None:
        raise absent(member_id)
    draft = drafts.change(patch, now=now)
    before = documents([member_id], now=now, masked=False)[0]
    _check_store(draft)
    for name, value in draft.columns.items():
        setattr(member, name, value)
    if "attributes" in patch:
        member.attributes = _merged(member.attributes, patch["attributes"] or {})
    _replace_identities(member_id, patch, draft.identities)
    if "tags" in patch:
        _replace_tags(member_id, patch["tags"] or (), now)
    db.session.flush()
    _remember(member, before, draft, now)
    return draft.warnings


def _check_store(draft: Draft) -> None:
    code = draft.columns.get("home_store")
    if code is not None and db.session.get(Store, code) is None:
        raise UnknownStore(pointer="/home_store", store=code)


def _merged(attributes: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**attributes, **patch}
    merged = {name: value for name, value in merged.items() if value is not None}
    if len(merged) > MOST_ATTRIBUTES:
        raise invalid_field("/attributes", "too_many", TOO_MANY, high=MOST_ATTRIBUTES)
    return merged


def _replace_identities(
    member_id: UUID, patch: Mapping[str, Any], claimed: Sequence[Claimed]
) -> None:
    own = MemberIdentity.member_id == member_id
    kept = {one.ref.value for one in claimed}
    for name in ("phone", "email"):
        if name in patch:
            this = own & (MemberIdentity.kind == name)
            shown = select(MemberIdentity.value).where(this).order_by(*IN_ORDER).limit(1)
            gone = this & MemberIdentity.value.in_(shown) & MemberIdentity.value.not_in(kept)
            db.session.execute(delete(MemberIdentity).where(gone))
    if "external_ids" in patch:
        plain = MemberIdentity.kind.not_in(("phone", "email", "member_no"))
        db.session.execute(delete(MemberIdentity).where(own, plain))
    for one in sorted(claimed, key=lambda one: (one.ref.kind, one.ref.value)):
        _claim(member_id, one)


def _claim(member_id: UUID, claimed: Claimed) -> None:
    values = {"kind": claimed.ref.kind, "value": claimed.ref.value, "member_id": member_id}
    db.session.execute(upsert(MemberIdentity).values(values).on_conflict_do_nothing())
    owner = db.session.scalar(
        select(MemberIdentity.member_id).where(
            MemberIdentity.kind == claimed.ref.kind, MemberIdentity.value == claimed.ref.value
        )
    )
    if owner != member_id:
        raise IdentityConflict(pointer=claimed.pointer, field=claimed.name)


def _replace_tags(member_id: UUID, wanted: Sequence[str], now: datetime) -> None:
    earlier = set(tags.of(member_id))
    gone = [tag for tag in earlier if tag not in wanted]
    new = [tag for tag in dict.fromkeys(wanted) if tag not in earlier]
    db.session.execute(
        delete(MemberTag).where(MemberTag.member_id == member_id, MemberTag.tag.in_(gone))
    )
    if new:
        rows = [{"member_id": member_id, "tag": tag, "added_at": now} for tag in new]
        db.session.execute(insert(MemberTag), rows)


def _remember(member: Member, before: Mapping[str, Any], draft: Draft, now: datetime) -> None:
    """Event and audit of what changed; nothing is written when nothing did."""
    after = documents([member.id], now=now, masked=False)[0]
    changed = sorted(
        name for name in after if name not in UNSAID and after[name] != before.get(name)
    )
    for warning in draft.warnings:
        events.record(member.id, "warning", at=now, **warning)
    if not changed:
        return
    member.updated_at = now
    events.record(member.id, "profile_changed", at=now, fields=changed)
    audit.record(
        "member.changed",
        "member",
        member.id,
        before={name: _said(name, before[name]) for name in changed},
        after={name: _said(name, after[name]) for name in changed},
        now=now,
    )
    db.session.flush()
    if SEARCHED & set(changed):
        ranking.rewrite(member.id)


def _said(name: str, value: Any) -> Any:
    """What the audit trail keeps: it outlives an erasure, so nothing that tells who it was."""
    if value is None or value == [] or value == {}:
        return value
    if name == "phone":
        return contacts.masked_phone(value, config().phone_region)
    if name == "email":
        return contacts.masked_email(value)
    return contacts.BULLETS if name in PERSONAL else value
