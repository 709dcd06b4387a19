"""What holds for all that a room does, and can be changed at run time: the policy of messages, of
campaigns, of cases.

Every change is a version, whole and on record, and counts at once. Before the first there is a
default, as version 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm import audit
from crm.db import db
from crm.http import principal


class PolicyVersion:
    """The columns of a table of versions; append-only."""

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[str]
    created_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a policy, by their table and the default. What is told of a mapping is merged
    into it; the mappings named in `replaced` are told as a whole."""

    table: type[Any]
    default: Mapping[str, Any]
    replaced: frozenset[str] = frozenset()

    def document(self) -> dict[str, Any]:
        """The newest version as the API shows it, read in the current transaction."""
        version, found = self._newest()
        return {**found, "version": version}

    def put(self, body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
        """A new version; what is not named keeps its value. Telling the same again changes
        nothing."""
        version, before = self._newest(lock=True)
        after = before | {name: self._merged(name, before, given) for name, given in body.items()}
        if after == before:
            return {**before, "version": version}
        made = self.table(
            version=version + 1, document=after, created_by=principal().name, created_at=now
        )
        db.session.add(made)
        kind = self.table.__tablename__
        audit.record(f"{kind}.changed", kind, version + 1, before=before, after=after, now=now)
        db.session.flush()
        return {**after, "version": version + 1}

    def _merged(self, name: str, before: Mapping[str, Any], given: Any) -> Any:
        if isinstance(given, Mapping) and name not in self.replaced:
            return {**before[name], **given}
        return given

    def _newest(self, *, lock: bool = False) -> tuple[int, dict[str, Any]]:
        query = select(self.table.version, self.table.document)
        query = query.order_by(self.table.version.desc()).limit(1)
        found = db.session.execute(query.with_for_update() if lock else query).one_or_none()
        if found is None:
            return 0, dict(self.default)
        return found.version, {**self.default, **found.document}
