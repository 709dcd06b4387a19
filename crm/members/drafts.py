"""What is told about a person, read by the rules: one writing for all, doubts kept as warnings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from crm import i18n
from crm.db import config
from crm.errors import N_
from crm.ids import uuid7
from crm.members import birthdays, contacts, stores
from crm.members.errors import SelfReferral, invalid_field
from crm.members.identity import MemberRef, external, parse_ref
from crm.members.names import keys_of

TWICE = N_("This stands twice in the list.")
UNKNOWN_LOCALE = N_("This language is not spoken here. Use en, zh-Hans or zh-Hant.")
WARNINGS = {
    "unknown_timezone": N_("There is no time zone {given}; the shop's own is used."),
}
PLAIN = ("name", "gender", "home_store", "source")


class Claimed(NamedTuple):
    """An identity as it was given: the field, its place in the body, the reference."""

    name: str
    pointer: str
    ref: MemberRef


@dataclass
class Draft:
    """A person before it is known whether he is a member.

    `columns` are those of `member` that were given. `warnings` hold code, pointer and facts of
    what could not be taken as it was given.
    """

    identities: list[Claimed] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    consents: list[Mapping[str, Any]] = field(default_factory=list)
    referred_by: MemberRef | None = None
    warnings: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Entry:
    """Somebody to register: the draft, when he joined, and who he turned out to be."""

    draft: Draft
    at: datetime
    id: UUID = field(default_factory=uuid7)
    created: bool = False
    referrer: UUID | None = None
    member_no: str = ""


def read(body: Mapping[str, Any], *, now: datetime) -> Draft:
    """Read a body in the shape of `POST /members`. Raises `Invalid` and `SelfReferral`."""
    draft = Draft(identities=identities(body), tags=list(dict.fromkeys(body.get("tags") or ())))
    _profile(draft, body, now)
    draft.columns["attributes"] = {
        name: value for name, value in (body.get("attributes") or {}).items() if value is not None
    }
    draft.consents = list(body.get("consents") or ())
    decided = [(one["channel"], one["purpose"]) for one in draft.consents]
    _refuse_twice(decided, "/consents")
    if body.get("referred_by"):
        draft.referred_by = parse_ref(body["referred_by"], at="/referred_by")
        if draft.referred_by in [claimed.ref for claimed in draft.identities]:
            raise SelfReferral(pointer="/referred_by")
    return draft


def change(body: Mapping[str, Any], *, now: datetime) -> Draft:
    """Read a merge patch: only what is named in it is in `columns`; None clears."""
    draft = Draft(identities=identities(body))
    _profile(draft, body, now)
    return draft


def identities(body: Mapping[str, Any]) -> list[Claimed]:
    """The identities that a body gives, normalised. Raises `Invalid`."""
    found = []
    if body.get("phone"):
        value = contacts.phone(body["phone"], config().phone_region)
        found.append(Claimed("phone", "/phone", MemberRef("phone", value)))
    if body.get("email"):
        value = contacts.email(body["email"])
        found.append(Claimed("email", "/email", MemberRef("email", value)))
    others = [external(one["channel"], one["id"]) for one in body.get("external_ids") or ()]
    _refuse_twice([ref.kind for ref in others], "/external_ids")
    for place, ref in enumerate(others):
        found.append(Claimed("external_id", f"/external_ids/{place}", ref))
    return found


def _profile(draft: Draft, body: Mapping[str, Any], now: datetime) -> None:
    columns = draft.columns
    columns.update({name: body[name] for name in PLAIN if name in body})
    if "name" in body:
        found = keys_of(body["name"])
        columns.update(name_sort=found.sort, name_keys=found.keys)
    if "birthday" in body:
        columns.update(birthdays.columns(body["birthday"], today=now.date()))
    if "locale" in body:
        columns["locale"] = _locale(body["locale"])
    if "timezone" in body:
        columns["timezone"] = _zone(draft, body["timezone"])


def _locale(tag: str | None) -> str | None:
    if tag is None:
        return None
    if tag.replace("_", "-").lower().split("-")[0] not in ("en", "zh"):
        raise invalid_field("/locale", "unknown_locale", UNKNOWN_LOCALE)
    return i18n.choose(tag)


def _zone(draft: Draft, name: str | None) -> str | None:
    if name is None or stores.is_zone(name):
        return name
    draft.warnings.append({"code": "unknown_timezone", "pointer": "/timezone", "given": name})
    return None


def _refuse_twice(items: list[Any], pointer: str) -> None:
    for place, item in enumerate(items):
        if item in items[:place]:
            raise invalid_field(f"{pointer}/{place}", "given_twice", TWICE)
