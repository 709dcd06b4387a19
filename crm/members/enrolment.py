"""Writing new members and all that hangs on them, set-based: twenty thousand as well as one."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text

from crm.db import db
from crm.http import principal
from crm.ids import uuid7
from crm.members import numbers, ranking
from crm.members.bulk import copy
from crm.members.drafts import Entry
from crm.members.tiers import storage as tiers

MEMBER = (
    "name",
    "name_sort",
    "gender",
    "birthday_month",
    "birthday_day",
    "birthday_year",
    "birthday_calendar",
    "locale",
    "timezone",
    "home_store",
    "source",
)

CLAIM = text("""
    INSERT INTO member_identity (kind, value, member_id)
    SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:ids AS uuid[]))
    ON CONFLICT (kind, value) DO NOTHING
""")


def write(entries: Sequence[Entry], *, now: datetime) -> bool:
    """Write new members; False when one of their identities was taken in the meantime.

    The caller rolls back to before this call then.
    """
    if not entries:
        return True
    for entry, number in zip(entries, _free_numbers(len(entries)), strict=True):
        entry.member_no = number
    copy("member", _MEMBER_COLUMNS, map(_member, entries))
    if not _claim(entries):
        return False
    copy("member_find", ("key", "store", "seen_on", "member_id"), _ranked(entries))
    copy("member_tag", ("member_id", "tag", "added_at"), _tags(entries))
    copy("member_consent", _CONSENT_COLUMNS, _consents(entries))
    copy("member_event", ("member_id", "at", "id", "kind", "data"), _events(entries))
    tiers.begin_many(((entry.id, entry.at) for entry in entries), now)
    return True


def _free_numbers(count: int) -> list[str]:
    """As many different member numbers as asked, that nobody has."""
    free: set[str] = set()
    while len(free) < count:
        drawn = {numbers.draw() for _ in range(count - len(free))}
        taken = db.session.scalars(
            text("SELECT value FROM member_identity WHERE kind = 'member_no' AND value = ANY(:v)"),
            {"v": list(drawn)},
        )
        free |= drawn - set(taken)
    return list(free)


_MEMBER_COLUMNS = (
    "id",
    "member_no",
    "created_at",
    "updated_at",
    "last_seen_at",
    "referred_by",
    "attributes",
    "name_keys",
    *MEMBER,
)


def _member(entry: Entry) -> tuple[Any, ...]:
    given = entry.draft.columns
    return (
        entry.id,
        entry.member_no,
        entry.at,
        entry.at,
        entry.at,
        entry.referrer,
        Jsonb(given.get("attributes") or {}),
        _array(given.get("name_keys") or ()),
        *(given.get(name) for name in MEMBER),
    )


def _array(keys: Sequence[str]) -> str:
    """An array as PostgreSQL reads it. Keys are letters, digits and ideographs: no escapes."""
    return "{" + ",".join(f'"{key}"' for key in keys) + "}"


def _claim(entries: Sequence[Entry]) -> bool:
    """Take the identities, in one order everywhere so that two writers can't block each other."""
    owners = {("member_no", entry.member_no): entry.id for entry in entries}
    for entry in entries:
        owners |= {(one.ref.kind, one.ref.value): entry.id for one in entry.draft.identities}
    wanted = sorted(owners)
    done = db.session.execute(
        CLAIM,
        {
            "kinds": [kind for kind, _ in wanted],
            "values": [value for _, value in wanted],
            "ids": [owners[key] for key in wanted],
        },
    )
    return done.rowcount == len(wanted)  # type: ignore[attr-defined]  # of an INSERT


def _ranked(entries: Sequence[Entry]) -> Iterator[tuple[Any, ...]]:
    for entry in entries:
        given = entry.draft.columns
        phones = [one.ref.value for one in entry.draft.identities if one.name == "phone"]
        day, store = entry.at.astimezone(UTC).date(), given.get("home_store") or ""
        for key in ranking.keys(given.get("name_keys") or (), next(iter(phones), None)):
            yield key, store, day, entry.id


def _tags(entries: Sequence[Entry]) -> Iterator[tuple[Any, ...]]:
    for entry in entries:
        for tag in entry.draft.tags:
            yield entry.id, tag, entry.at


_CONSENT_COLUMNS = (
    "member_id",
    "id",
    "channel",
    "purpose",
    "granted",
    "at",
    "wording",
    "source",
    "proof",
    "actor",
)


def _consents(entries: Sequence[Entry]) -> Iterator[tuple[Any, ...]]:
    actor = principal().name
    for entry in entries:
        for one in entry.draft.consents:
            yield (
                entry.id,
                uuid7(),
                one["channel"],
                one["purpose"],
                one["granted"],
                entry.at,
                one.get("wording"),
                one.get("source"),
                one.get("proof"),
                actor,
            )


def _events(entries: Sequence[Entry]) -> Iterator[tuple[Any, ...]]:
    for entry in entries:
        columns = entry.draft.columns
        facts = {"store": columns.get("home_store"), "source": columns.get("source")}
        yield _event(entry, "registered", {k: v for k, v in facts.items() if v})
        for warning in entry.draft.warnings:
            yield _event(entry, "warning", warning)


def _event(entry: Entry, kind: str, data: dict[str, Any]) -> tuple[UUID, Any, UUID, str, Jsonb]:
    return entry.id, entry.at, uuid7(), kind, Jsonb(data)
