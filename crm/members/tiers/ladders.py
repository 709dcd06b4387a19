"""The versions of the ladder: which is in force when, and how a new one is written."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from crm import audit
from crm.db import db
from crm.errors import N_, Refused, Unprocessable
from crm.http.principal import Principal
from crm.members.tiers.ladder import Ladder, canonical

MEMO = "tiers.ladders"

NEWEST = text("SELECT version, created_at FROM tier_ladder ORDER BY version DESC LIMIT 1")

ALL = text("SELECT version, effective_at, document FROM tier_ladder")

WRITE = text("""
    INSERT INTO tier_ladder (version, effective_at, document, created_by, created_at)
    VALUES (:version, :effective_at, CAST(:document AS jsonb), :actor, clock_timestamp())
""")

MOVED = text("SELECT EXISTS (SELECT FROM tier_change WHERE cause <> 'first')")


class EffectiveInThePast(Unprocessable):
    """Members have moved on the ladder already, so the past stands (422)."""

    code = "ladder_in_the_past"
    detail = N_("Members have tiers already, so a new ladder can't take effect in the past.")


class LadderChanged(Refused):
    """The version that this change was made from is not in force (409): `version` is."""

    code = "ladder_changed"
    detail = N_("The ladder was changed meanwhile: version {version} is in force.")


class Ladders:
    """Every version. In force is the latest `effective_at` reached, of equals the newest."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._documents: dict[int, dict[str, Any]] = {}
        self._chain: list[Ladder] = []
        ordered = sorted(rows, key=lambda row: (row.effective_at, row.version))
        for row in ordered:
            self._documents[row.version] = row.document
            new = Ladder.of(row.document, version=row.version, effective_at=row.effective_at)
            self._chain.append(new.after(self._chain[-1]) if self._chain else new)
        assert self._chain, "migrations seed version 1 of the ladder"
        self._edges = [row.effective_at for row in ordered]
        self._by_version = {ladder.version: ladder for ladder in self._chain}

    def at(self, instant: datetime) -> Ladder:
        """The ladder in force; before the first it is the first."""
        return self._chain[max(bisect_right(self._edges, instant) - 1, 0)]

    def from_now_on(self, now: datetime) -> list[Ladder]:
        """The ladder in force at `now`, and those announced for later."""
        return self._chain[max(bisect_right(self._edges, now) - 1, 0) :]

    def version(self, number: int) -> Ladder:
        """One version, which exists."""
        return self._by_version[number]

    def document(self, ladder: Ladder) -> dict[str, Any]:
        """The document of a version."""
        return self._documents[ladder.version]

    @property
    def newest(self) -> int:
        """The highest version number."""
        return max(self._by_version)


_known: tuple[Any, Ladders] | None = None


def load() -> Ladders:
    """The versions as this transaction sees them; one tiny statement at most once in each."""
    global _known
    session = db.session()
    memo = session.info.get(MEMO)
    if memo is not None and memo[0] is _transaction():
        return memo[1]
    stamp = tuple(session.execute(NEWEST).one())
    known = _known
    if known is None or known[0] != stamp:
        known = _known = (stamp, Ladders(session.execute(ALL).all()))
    session.info[MEMO] = (_transaction(), known[1])
    return known[1]


def _transaction() -> object:
    """The innermost one: what a rolled-back savepoint wrote must not be remembered."""
    session = db.session()
    return session.get_nested_transaction() or session.get_transaction()


def document_at(instant: datetime) -> dict[str, Any]:
    """The ladder in force at `instant`, as the contract shows it."""
    return document_of(load().at(instant))


def document_of(ladder: Ladder) -> dict[str, Any]:
    """One version, as the contract shows it."""
    stamps = {"version": ladder.version, "effective_at": ladder.effective_at}
    return stamps | load().document(ladder)


def change(given: Mapping[str, Any], *, actor: Principal, now: datetime) -> Ladder:
    """Write a new version: the ladder in force when it takes effect, with what `given` says.

    `effective_at` defaults to now. It may lie ahead; it may lie in the past only while nobody has
    moved on the ladder (a shop that loads its history). A `version` must be the one in force now.
    Raises `Invalid` with a pointer for every mistake, `EffectiveInThePast`, `LadderChanged`.
    """
    settings = dict(given)
    expected, asked = settings.pop("version", None), settings.pop("effective_at", None)
    db.session.execute(text("LOCK TABLE tier_ladder IN SHARE ROW EXCLUSIVE MODE"))
    known = _again()
    in_force = known.at(now)
    if expected is not None and expected != in_force.version:
        raise LadderChanged(version=in_force.version)
    effective_at = _effective_at(asked, in_force, now)
    base = known.document(known.at(effective_at))
    document = canonical(base | settings)
    version = known.newest + 1
    values = {"version": version, "effective_at": effective_at, "actor": actor.name}
    values["document"] = json.dumps(document, ensure_ascii=False)
    db.session.execute(WRITE, values)
    audit.record("tiers.changed", "tier_ladder", version, now=now, before=base, after=document)
    return _again().version(version)


def _again() -> Ladders:
    db.session().info.pop(MEMO, None)
    return load()


def _effective_at(asked: datetime | None, in_force: Ladder, now: datetime) -> datetime:
    if asked is None:
        return now
    if asked < now and db.session.execute(MOVED).scalar_one():
        if asked == in_force.effective_at:
            return now  # what was read is sent back with a change
        raise EffectiveInThePast(pointer="/effective_at")
    return asked
