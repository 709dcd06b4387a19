"""Registration: the member who has one of these identities already, or a new one. Race-safe."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import text

from crm import audit
from crm.db import db
from crm.errors import Busy
from crm.members import contacts, drafts, enrolment
from crm.members.drafts import Claimed, Draft, Entry
from crm.members.errors import (
    IdentityConflict,
    ReferralCycle,
    SelfReferral,
    UnknownReferrer,
    UnknownStore,
)
from crm.members.identity import MemberRef, resolve_many
from crm.members.models import Member

ATTEMPTS = 5
EMAILS = text("""
    SELECT member_id, value FROM member_identity WHERE kind = 'email' AND member_id = ANY (:ids)
""")
STORES = text("SELECT code FROM store WHERE code = ANY(:codes)")


class Registered(NamedTuple):
    """A member's id, and whether this registration made him."""

    id: UUID
    created: bool


def register(
    body: Mapping[str, Any], *, now: datetime, registered_at: datetime | None = None
) -> tuple[Member, bool]:
    """The member of a body in the shape of `POST /members`, and whether he is new.

    Raises `Invalid`, `IdentityConflict`, `UnknownStore`, `UnknownReferrer`, `SelfReferral`,
    `ReferralCycle`.
    """
    return enter(drafts.read(body, now=now), now=now, registered_at=registered_at)


def enter(
    draft: Draft, *, now: datetime, registered_at: datetime | None = None
) -> tuple[Member, bool]:
    """As `register`, for a body that was read before."""
    found = _enter_many([Entry(draft, registered_at or now)], now, at_item=False)[0]
    member = db.session.get_one(Member, found.id)
    if found.created:
        known = {"member_no": member.member_no, "home_store": member.home_store}
        audit.record("member.registered", "member", member.id, after=known, now=now)
    return member, found.created


def register_many(
    people: Sequence[tuple[Mapping[str, Any], datetime | None]], *, now: datetime
) -> list[Registered]:
    """Register many (body, when he joined) at once, in their order; set-based, all or nothing.

    Somebody who stands in the list twice is one member. Raises as `register`; the pointers of
    conflicts begin with the place in the list.
    """
    entries = [Entry(drafts.read(body, now=now), at or now) for body, at in people]
    return _enter_many(entries, now, at_item=True)


def _enter_many(entries: list[Entry], now: datetime, *, at_item: bool) -> list[Registered]:
    for _ in range(ATTEMPTS):
        savepoint = db.session.begin_nested()
        try:
            owners = _owners(entries, at_item)
            done = enrolment.write([entry for entry in entries if entry.created], now=now)
        except UniqueViolation:  # a member number was drawn twice: draw again
            done = False
        except BaseException:
            savepoint.rollback()
            raise
        if done:
            savepoint.commit()
            return [
                Registered(owner, entry.created)
                for owner, entry in zip(owners, entries, strict=True)
            ]
        # Somebody else registered one of these identities meanwhile; now he can be seen.
        savepoint.rollback()
    raise Busy(retry_after=1)


def _owners(entries: list[Entry], at_item: bool) -> list[UUID]:
    """Whose each entry is, in order; marks those who are new and finds their referrers."""
    claims = [claimed for entry in entries for claimed in entry.draft.identities]
    asked = list(dict.fromkeys(claimed.ref for claimed in claims))
    known: dict[MemberRef, UUID] = {
        ref: found
        for ref, found in zip(asked, resolve_many(asked), strict=True)
        if found is not None
    }
    owners = []
    for place, entry in enumerate(entries):
        claimed = entry.draft.identities
        owner = _owner(claimed, known, f"/{place}" if at_item else "")
        entry.created = owner is None
        if entry.created:
            known.update({one.ref: entry.id for one in claimed})
        owners.append(owner or entry.id)
    new = [(place, entry) for place, entry in enumerate(entries) if entry.created]
    _check_stores(new, at_item)
    _find_referrers(new, known, at_item)
    return owners


def _owner(
    identities: Sequence[Claimed], known: Mapping[MemberRef, UUID], prefix: str
) -> UUID | None:
    owner = None
    for claimed in identities:
        found = known.get(claimed.ref)
        if owner is None:
            owner = found
        elif found is not None and found != owner:
            raise IdentityConflict(pointer=prefix + claimed.pointer, field=claimed.name)
    return owner


def _check_stores(entries: Sequence[tuple[int, Entry]], at_item: bool) -> None:
    named = [
        (place, entry.draft.columns["home_store"])
        for place, entry in entries
        if entry.draft.columns.get("home_store")
    ]
    if not named:
        return
    known = set(db.session.scalars(STORES, {"codes": list({code for _, code in named})}))
    for place, code in named:
        if code not in known:
            prefix = f"/{place}" if at_item else ""
            raise UnknownStore(pointer=f"{prefix}/home_store", store=code)


def _find_referrers(
    entries: Sequence[tuple[int, Entry]], known: Mapping[MemberRef, UUID], at_item: bool
) -> None:
    named = [(place, entry) for place, entry in entries if entry.draft.referred_by]
    refs = [entry.draft.referred_by for _, entry in named if entry.draft.referred_by]
    for (place, entry), ref, stored in zip(named, refs, resolve_many(refs), strict=True):
        found = stored or known.get(ref)
        pointer = _at(place, at_item)
        if found is None:
            raise UnknownReferrer(pointer=pointer)
        if found == entry.id:
            raise SelfReferral(pointer=pointer)
        entry.referrer = found
    if named:
        _check_mailboxes(named, entries, at_item)
        _check_cycles(named, at_item)


def _at(place: int, at_item: bool) -> str:
    return f"/{place}/referred_by" if at_item else "/referred_by"


def _check_mailboxes(
    named: Sequence[tuple[int, Entry]], entries: Sequence[tuple[int, Entry]], at_item: bool
) -> None:
    """Nobody brings himself under another address of one mailbox."""
    boxes = {entry.id: _mailboxes(entry) for _, entry in entries}
    rows = db.session.execute(EMAILS, {"ids": list({entry.referrer for _, entry in named})})
    for row in rows:
        boxes.setdefault(row.member_id, set()).add(contacts.mailbox(row.value))
    for place, entry in named:
        assert entry.referrer is not None, "who is named was found"
        if boxes[entry.id] & boxes.get(entry.referrer, set()):
            raise SelfReferral(pointer=_at(place, at_item))


def _mailboxes(entry: Entry) -> set[str]:
    emails = [one.ref.value for one in entry.draft.identities if one.ref.kind == "email"]
    return {contacts.mailbox(address) for address in emails}


def _check_cycles(named: Sequence[tuple[int, Entry]], at_item: bool) -> None:
    """Who is new was brought by nobody of his own friends; only a list can say otherwise."""
    referrers = {entry.id: entry.referrer for _, entry in named}
    for place, entry in named:
        seen, one = {entry.id}, entry.referrer
        while one is not None and one in referrers and one not in seen:
            seen.add(one)
            one = referrers[one]
        if one in seen:
            raise ReferralCycle(pointer=_at(place, at_item))
