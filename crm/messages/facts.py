"""What templates can say of a member: looked up for a batch at once, and only what they name.

Rooms above this one bring their own parts of names by `provide`, such as `points`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import config, db
from crm.members.tiers import engine, storage

Facts = dict[str, dict[str, Any]]  # by the first part of a name, then by the rest
Provide = Callable[[Sequence[UUID], datetime], Mapping[UUID, dict[str, Any]]]

PROFILE = text("""
    SELECT m.id, m.segment, m.attributes, s.name AS home_store
    FROM member m LEFT JOIN store s ON s.code = m.home_store
    WHERE m.id = ANY(:ids)
""")
PROFILE_NAMES = ("member.segment", "member.home_store", "member.attributes.")
TIER_NAMES = ("member.tier", "member.tier_code")
LOOKED_UP = (*PROFILE_NAMES, *TIER_NAMES)

_providers: dict[str, Provide] = {}


def provide(room: str, function: Provide) -> None:
    """Let a room above say what `{{ room.… }}` is for many members; once, on import."""
    assert room not in _providers, room
    _providers[room] = function


def gather(names: Collection[str], ids: Sequence[UUID], now: datetime) -> dict[UUID, Facts]:
    """What the names are for these members; a statement for each kind that is named at all.

    What a name lacks here comes with the message, or is the same for all (`values_of`). A member
    of whom nothing is looked up is not in it.
    """
    rooms = {name.partition(".")[0] for name in names} & _providers.keys()
    if not ids or not (rooms or any(name.startswith(LOOKED_UP) for name in names)):
        return {}
    found: dict[UUID, Facts] = {one: {} for one in ids}
    if any(name.startswith(PROFILE_NAMES) for name in names):
        for row in db.session.execute(PROFILE, {"ids": list(ids)}):
            _put(found, row.id, "member", _profile(row))
    if any(name in TIER_NAMES for name in names):
        for member_id, tier in _tiers(ids, now).items():
            _put(found, member_id, "member", tier)
    for room in rooms:
        for member_id, values in _providers[room](ids, now).items():
            _put(found, member_id, room, values)
    return found


def values_of(
    facts: Mapping[str, Mapping[str, Any]],
    variables: Mapping[str, Any],
    *,
    name: str | None,
    member_no: str,
    locale: str,
    unsubscribe: str | None,
    counted: str | None = None,
    shop: str | None = None,
) -> dict[str, Any]:
    """All that a template can name, for one member: what came with the message goes before what
    was looked up, but for `member`, `shop` and the way out, whose place nothing takes."""
    found: dict[str, Any] = {**facts, **variables}
    for room, known in facts.items():
        if isinstance(variables.get(room), dict):
            found[room] = {**known, **variables[room]}
    given = variables.get("links")
    links = {**given} if isinstance(given, dict) else {}
    links.pop("counted", None)
    if counted is not None:
        links["counted"] = counted  # how the addresses of the message's own links begin
    if unsubscribe is not None:
        links["unsubscribe"] = unsubscribe
    member = {"name": name, "member_no": member_no, "locale": locale}
    found["member"] = {**facts["member"], **member} if "member" in facts else member
    found["shop"] = {"name": shop or config().shop_name}
    found["links"] = links
    return found


def _put(found: dict[UUID, Facts], one: UUID, room: str, values: Mapping[str, Any]) -> None:
    if one in found:
        found[one].setdefault(room, {}).update(values)


def _profile(row: Any) -> dict[str, Any]:
    return {"segment": row.segment, "attributes": row.attributes, "home_store": row.home_store}


def _tiers(ids: Sequence[UUID], now: datetime) -> dict[UUID, dict[str, Any]]:
    ladder = storage.ladder_at(now)
    found = {}
    for member_id, standing in storage.standings(ids).items():
        tier = ladder.tiers[ladder.rank(engine.held(standing, ladder, now))]
        names = {"en": tier.code, **tier.names}
        found[member_id] = {"tier": names, "tier_code": tier.code}
    return found
