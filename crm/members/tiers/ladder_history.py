"""The versions of the ladder: what was, what is, what is announced."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from crm.db import db
from crm.errors import N_, NotFound
from crm.members.models import TierLadder
from crm.versions import Version, arranged


class LadderVersionNotFound(NotFound):
    """The ladder has no version of this number (404)."""

    code = "ladder_version_not_found"
    detail = N_("The ladder has no such version.")


def versions(now: datetime) -> list[Version[TierLadder]]:
    """All versions of the ladder, the latest to take effect first."""
    return arranged(list(db.session.scalars(select(TierLadder))), now)


def version(number: int, now: datetime) -> Version[TierLadder]:
    """One version. Raises `LadderVersionNotFound`."""
    for found in versions(now):
        if found.row.version == number:
            return found
    raise LadderVersionNotFound()


def document_of(row: TierLadder) -> dict[str, Any]:
    """A version with its stamps, as the contract shows it."""
    return {"version": row.version, "effective_at": row.effective_at} | row.document
