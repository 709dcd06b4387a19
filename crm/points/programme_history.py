"""The versions of the programme and of its rules: what was, what is, what is announced."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.db import db
from crm.errors import N_, NotFound
from crm.points.programme_models import ProgrammeVersion, RuleVersion
from crm.points.programme_settings import DEFAULTS, merged
from crm.points.rules import RuleNotFound
from crm.versions import Version, arranged

ACTIVE, SCHEDULED, ENDED = "active", "scheduled", "ended"
RULE_STATES = (ACTIVE, SCHEDULED, ENDED)


class VersionNotFound(NotFound):
    """The programme has no version of this number (404)."""

    code = "programme_version_not_found"
    detail = N_("The programme has no such version.")


def versions(now: datetime) -> list[Version[ProgrammeVersion]]:
    """All versions of the settings, the latest to take effect first."""
    return arranged(list(db.session.scalars(select(ProgrammeVersion))), now)


def version(number: int, now: datetime) -> Version[ProgrammeVersion]:
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
