"""Finding the members whom staff mean: the first way that finds somebody answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause

from crm.db import config, db
from crm.i18n import locale
from crm.members import contacts, ranking, stores
from crm.members.lookup import statements
from crm.members.lookup.routes import SHORTEST_ENDING, Route, routes
from crm.members.lookup.statements import MOST_HITS
from crm.members.names.writing import is_ideographic
from crm.members.tiers import storage as tiers
from crm.members.tiers.ladder import Ladder


@dataclass(frozen=True)
class Found:
    """The hits, ranked: this store's first, then the most recently seen. At most eight.

    `shape`: how the typed text was understood, None when it is too short to look for;
    `more`: further members fit.
    """

    shape: str | None
    hits: list[dict[str, Any]]
    more: bool = False


def find(typed: str, *, store: str | None = None, now: datetime) -> Found:
    """Look for a member by anything that staff type. One statement for each way that is tried."""
    ways = routes(typed, config().phone_region)
    for way in ways:
        statement, values = statement_of(way)
        found = _run(statement, values, store, way.shape, now)
        if found.hits:
            return found
    return Found(ways[-1].shape if ways else None, [])


def show(ids: Sequence[UUID], shape: str, *, store: str | None = None, now: datetime) -> Found:
    """The hits of members who were found by another room."""
    return _run(statements.THESE, {"ids": list(ids)}, store, shape, now)


def statement_of(way: Route) -> tuple[TextClause, dict[str, Any]]:
    """The statement that looks this way, and the values that are its own."""
    if way.shape in statements.BY_IDENTITY:
        return statements.BY_IDENTITY[way.shape], {"value": way.value}
    if way.shape == "email_prefix":
        return statements.EMAIL_PREFIX, {"value": way.value}
    if way.shape == "phone_end" and len(way.value) > SHORTEST_ENDING:
        return statements.ENDING, {"key": way.keys[0], "value": way.value}
    if way.shape == "phone_end" or (len(way.keys) == 1 and ranking.is_ranked(way.keys[0])):
        return statements.RANKED, {"key": way.keys[0]}
    return statements.NAME, {"keys": list(way.keys)}


def _run(
    statement: TextClause, values: dict[str, Any], store: str | None, shape: str, now: datetime
) -> Found:
    values = {**statements.LIMITS, **values, "store": store or statements.NO_STORE}
    rows = db.session.execute(statement, values).all()
    ladder = tiers.ladder_at(now)
    hits = [_hit(row, ladder) for row in rows[:MOST_HITS]]
    return Found(shape, hits, len(rows) > MOST_HITS)


def _hit(row: Any, ladder: Ladder) -> dict[str, Any]:
    region = config().phone_region
    tier = ladder.tier(row.held) if row.held else None
    return {
        "id": row.id,
        "member_no": row.member_no,
        "name": row.name,
        "reading": row.name_sort if row.name and is_ideographic(row.name[0]) else None,
        "phone": row.phone and contacts.masked_phone(row.phone, region),
        "email": row.email and contacts.masked_email(row.email),
        "tier": tier
        and {"code": tier.code, "name": tier.name(locale()), "rank": ladder.rank(tier.code)},
        "segment": row.segment,
        "home_store": row.home_store,
        "store_name": row.store_name and stores.name_of(row.store_name),
        "last_seen_at": row.last_seen_at,
    }
