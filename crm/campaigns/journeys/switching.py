"""How journeys are set: read, switched on and off, changed; each change a version, on record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from crm import audit
from crm.campaigns.journeys import checks, settings, wordings
from crm.campaigns.journeys.definition import Journey as Definition
from crm.campaigns.journeys.definition import Settings
from crm.campaigns.journeys.directory import JOURNEYS, find
from crm.campaigns.journeys.errors import JourneyChanged
from crm.campaigns.journeys.models import Journey, JourneyVersion
from crm.campaigns.journeys.window import Since
from crm.db import db
from crm.http import principal
from crm.http.schema import invalid
from crm.messages import sources

# The day on which a journey was changed counts anew, wherever on earth it began.
LOOKED_BACK = timedelta(days=1, hours=2)

MAKE = text("""
    INSERT INTO journey (code, version, enabled, settings, changed_at)
    VALUES (:code, 0, false, '{}', :now) ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Switched:
    """A journey as it is set. `version` 0: nobody has touched it."""

    journey: Definition
    settings: Settings
    enabled: bool = False
    version: int = 0
    enabled_at: datetime | None = None
    done_until: datetime | None = None
    changed_at: datetime | None = None

    @property
    def since(self) -> Since | None:
        """What it counts from; None while it is off."""
        if not self.enabled or None in (self.enabled_at, self.changed_at, self.done_until):
            return None
        return Since(self.enabled_at, self.changed_at, self.done_until)  # type: ignore[arg-type]

    def document(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "code": self.journey.code,
            "enabled": self.enabled,
            "enabled_at": self.enabled_at,
            "version": self.version,
            "settings": settings.document(self.journey.schema, self.settings),
        }


def get(code: str) -> Switched:
    """One journey as it is set now. Raises `JourneyNotFound`."""
    return _switched(find(code), db.session.get(Journey, code, populate_existing=True))


def listed() -> list[Switched]:
    """All of them, in the order of the directory."""
    query = select(Journey).execution_options(populate_existing=True)
    rows = {row.code: row for row in db.session.scalars(query)}
    return [_switched(one, rows.get(code)) for code, one in JOURNEYS.items()]


def enabled() -> list[Switched]:
    """Those that are on."""
    return [one for one in listed() if one.enabled]


def lock(code: str) -> Switched:
    """One journey, locked: its occasions are handled by one at a time."""
    row = db.session.get(Journey, code, with_for_update=True, populate_existing=True)
    return _switched(find(code), row)


def change(code: str, given: Mapping[str, Any], *, now: datetime) -> Switched:
    """Switch a journey on or off, change what is set; what is not named stays.

    Switched on without a template it is given the default one. `version`, if given, must be the
    newest. Telling the same again changes nothing. Raises `JourneyNotFound`, `JourneyChanged`,
    `Invalid` with a pointer for each mistake.
    """
    journey = find(code)
    db.session.execute(MAKE, {"code": code, "now": now})
    row = db.session.get(Journey, code, with_for_update=True, populate_existing=True)
    assert row is not None
    before = _switched(journey, row)
    if given.get("version") not in (None, row.version):
        raise JourneyChanged(version=row.version)
    wanted = _checked(journey, before.settings, given.get("settings") or {}, now)
    on = given.get("enabled")
    on = row.enabled if on is None else on
    if on and wanted["template"] is None:
        wanted |= {"template": wordings.template_of(journey, now=now)}
    if on:
        checks.require_usable(wanted)
    kept = settings.document(journey.schema, wanted)
    if (on, kept) == (row.enabled, settings.document(journey.schema, before.settings)) and (
        row.version
    ):
        return before
    _write(row, on, kept, now)
    audit.record(
        "journey.changed", "journey", code,
        before={"enabled": before.enabled, "settings": before.document()["settings"]},
        after={"enabled": on, "settings": kept}, now=now,
    )  # fmt: skip
    return _switched(journey, row)


def _write(row: Journey, on: bool, kept: dict[str, Any], now: datetime) -> None:
    source, was = find(row.code).source, row.enabled
    row.version, row.enabled, row.settings, row.changed_at = row.version + 1, on, kept, now
    if on and not was:
        row.enabled_at, row.done_until = now, now - LOOKED_BACK
    elif not on:
        row.enabled_at = row.done_until = None
    elif row.done_until is not None:
        row.done_until = min(row.done_until, now - LOOKED_BACK)
    if on and not was:
        sources.resume(source, now=now)
    elif was and not on:
        sources.pause(source, now=now)
    db.session.add(
        JourneyVersion(
            code=row.code, version=row.version, enabled=on, settings=kept,
            created_by=principal().name, created_at=now,
        )
    )  # fmt: skip
    db.session.flush()


def versions(code: str) -> list[JourneyVersion]:
    """Every version of a journey's settings, the newest first."""
    query = select(JourneyVersion).where(JourneyVersion.code == find(code).code)
    return list(db.session.scalars(query.order_by(JourneyVersion.version.desc())))


def _checked(
    journey: Definition, before: Settings, given: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The settings after a change, whole. Raises `Invalid`."""
    whole = settings.document(journey.schema, before) | dict(given)
    try:
        found = journey.schema().load(whole)
    except settings.ValidationError as error:
        raise invalid(error, "/settings") from None
    assert isinstance(found, dict)
    checks.require(found, before, now)
    return found


def _switched(journey: Definition, row: Journey | None) -> Switched:
    if row is None:
        return Switched(journey, settings.defaults(journey.schema))
    return Switched(
        journey,
        settings.loaded(journey.schema, row.settings),
        row.enabled,
        row.version,
        row.enabled_at,
        row.done_until,
        row.changed_at,
    )
