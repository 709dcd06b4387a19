"""What new cases follow unless told otherwise: in how many days they are due, and whose they are.

Versioned and changed at run time. The default is two days, and the owner found by `owners`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm import audit
from crm.cases import owners
from crm.cases.models import CasePolicy
from crm.db import db
from crm.http import principal

DEFAULT: Mapping[str, Any] = {"due_days": 2, "owner": None}
NEWEST = "SELECT version, document FROM case_policy ORDER BY version DESC LIMIT 1"


def current() -> dict[str, Any]:
    """The newest version, whole: `version`, `due_days`, `owner` (None: found for each case)."""
    version, found = _newest()
    return {**found, "version": version}


def put(body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A new version; what is not named keeps its value. Telling the same again changes nothing.

    Raises `CaseOwnerUnknown`.
    """
    if body.get("owner") is not None:
        owners.require(UUID(str(body["owner"])), pointer="/owner")
    version, before = _newest(lock=True)
    after = {**before, **{name: _plain(value) for name, value in body.items()}}
    if after == before:
        return {**before, "version": version}
    made = CasePolicy(
        version=version + 1, document=after, created_by=principal().name, created_at=now
    )
    db.session.add(made)
    audit.record(
        "case_policy.changed", "case_policy", version + 1, before=before, after=after, now=now
    )
    db.session.flush()
    return {**after, "version": version + 1}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _newest(*, lock: bool = False) -> tuple[int, dict[str, Any]]:
    found = db.session.execute(text(NEWEST + (" FOR UPDATE" if lock else ""))).one_or_none()
    return (found.version, {**DEFAULT, **found.document}) if found else (0, dict(DEFAULT))
