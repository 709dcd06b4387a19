"""The versions of the programme and of its rules: what was, what is, what is announced."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import select

from crm.db import db
from crm.errors import N_, NotFound
from crm.points.programme_models import ProgrammeVersion, RuleVersion
from crm.points.programme_settings import DEFAULTS, merged
from crm.points.rules import RuleNotFound

IN_FORCE, ANNOUNCED, PAST, REPLACED = "in_force", "announced", "past", "replaced"
ACTIVE, SCHEDULED, ENDED = "active", "scheduled", "ended"
RULE_STATES = (ACTIVE, SCHEDULED, ENDED)


class VersionNotFound(NotFound):
    """The programme has no version of this number (404)."""

    code = "programme_version_not_found"
    detail = N_("The programme has no such version.")


class Dated(Protocol):
    """A version that takes effect at an instant."""

    version: int
    effective_at: datetime


class Version(NamedTuple):
    """A version of the programme, its state at some instant, and the one that it follows."""

    row: ProgrammeVersion
    state: str
    before: ProgrammeVersion | None


def versions(now: datetime) -> list[Version]:
    """All versions, the latest to take effect first.

    `replaced`: another one for the same instant was written later, so this one never counts.
    """
    rows = list(db.session.scalars(select(ProgrammeVersion)))
    rows.sort(key=lambda row: (row.effective_at, row.version))
    states = states_of(rows, now)
    counted = [row for row in rows if states[row.version] != REPLACED]
    before = dict(zip((row.version for row in counted[1:]), counted, strict=False))
    found = [Version(row, states[row.version], before.get(row.version)) for row in rows]
    return found[::-1]


def states_of(rows: Iterable[Dated], now: datetime) -> dict[int, str]:
    """The state of each version, by number, at `now`."""
    ordered = sorted(rows, key=lambda row: (row.effective_at, row.version))
    last = {row.effective_at: row.version for row in ordered}
    reached = [row.version for row in ordered if row.effective_at <= now]
    found = {}
    for row in ordered:
        if reached and row.version == reached[-1]:
            found[row.version] = IN_FORCE
        elif last[row.effective_at] != row.version:
            found[row.version] = REPLACED
        else:
            found[row.version] = ANNOUNCED if row.effective_at > now else PAST
    return found


def version(number: int, now: datetime) -> Version:
    """One version. Raises `VersionNotFound`."""
    for found in versions(now):
        if found.row.version == number:
            return found
    raise VersionNotFound()


def rule_versions(rule_id: UUID) -> list[RuleVersion]:
    """All versions of a rule, the newest first. Raises `RuleNotFound`."""
    query = select(RuleVersion).where(RuleVersion.id == rule_id)
    rows = list(db.session.scalars(query.order_by(RuleVersion.version.desc())))
    if not rows:
        raise RuleNotFound()
    return rows


def rule_state(row: RuleVersion, now: datetime) -> str:
    """Whether the newest version of a rule counts now, will count, or counts no more."""
    if row.superseded_at is not None or (row.ends_at is not None and row.ends_at <= now):
        return ENDED
    begins = max(row.valid_from, row.starts_at or row.valid_from)
    return SCHEDULED if begins > now else ACTIVE


def settings_of(row: ProgrammeVersion) -> dict[str, Any]:
    """The settings of a version, with its stamps, as the contract shows them."""
    stamps = {"version": row.version, "effective_at": row.effective_at}
    return stamps | merged(DEFAULTS, row.document)  # a setting may be younger than the version
