"""The programme in force, and how it changes: whole new versions, never an edit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select

from crm import audit
from crm.db import db
from crm.errors import N_, Refused, Unprocessable
from crm.http.principal import Principal
from crm.points import rulebook
from crm.points.models import PointsEntry
from crm.points.programme_models import ProgrammeVersion, RulebookStamp
from crm.points.programme_settings import DEFAULTS, Programme, merged

__all__ = ["Programme", "at", "change", "current", "document_at"]


class CurrencyLocked(Refused):
    """Points were given in the programme's currency; it can't change any more (409)."""

    code = "currency_locked"
    detail = N_("Members hold points earned in {currency}, so the currency can't change.")


class CurrencyNotSchedulable(Unprocessable):
    """A change of currency takes effect at once (422)."""

    code = "currency_not_schedulable"
    detail = N_("A new currency takes effect at once: leave out effective_at or set it to now.")


class EffectiveInThePast(Unprocessable):
    """Points were given already, so the past stands (422)."""

    code = "effective_in_the_past"
    detail = N_("Members hold points already, so a new version can't take effect in the past.")


class ProgrammeChanged(Refused):
    """The version that this change was made from is not in force (409): `version` is."""

    code = "programme_changed"
    detail = N_("The programme was changed meanwhile: version {version} is in force.")


def current(now: datetime) -> Programme:
    """The programme in force. At most one tiny statement per transaction."""
    return rulebook.load().programme_at(now)


def at(instant: datetime) -> Programme:
    """The programme that was, or will be, in force at `instant`."""
    return rulebook.load().programme_at(instant)


def document_at(instant: datetime) -> dict[str, Any]:
    """The programme in force at `instant` as the contract shows it."""
    return _shown(_row_at(instant), _newest().document["currency"])


def change(given: Mapping[str, Any], *, actor: Principal, now: datetime) -> dict[str, Any]:
    """Write a new version: the settings in force when it takes effect, with what `given` says.

    `effective_at` defaults to now, in whole seconds as shops' clocks print them. It may lie ahead;
    it may lie in the past only while nobody has points (a shop that loads its history). A `version`
    must be the one in force now. Of versions whose time has come the one with the latest
    `effective_at` is in force; of equals the newest. The currency is the newest version's at all
    times: it can't change once points were given.
    Raises `CurrencyLocked`, `CurrencyNotSchedulable`, `EffectiveInThePast`, `ProgrammeChanged`.
    """
    settings = dict(given)
    expected, asked = settings.pop("version", None), settings.pop("effective_at", None)
    db.session.execute(select(RulebookStamp.stamp).with_for_update())
    in_force, newest = _row_at(now), _newest()
    if expected is not None and expected != in_force.version:
        raise ProgrammeChanged(version=in_force.version)
    effective_at = _effective_at(asked, in_force, now.replace(microsecond=0))
    currency = newest.document["currency"]
    _check_currency(currency, settings.get("currency", currency), effective_at, now)
    base = _row_at(effective_at)
    row = ProgrammeVersion(
        version=newest.version + 1,
        effective_at=effective_at,
        document=merged(base.document | {"currency": currency}, settings),
        created_by=actor.name,
        created_at=now,
    )
    db.session.add(row)
    db.session.flush()
    rulebook.forget()
    _audit(base, row, now)
    return _shown(row, row.document["currency"])


def _effective_at(asked: datetime | None, in_force: ProgrammeVersion, now: datetime) -> datetime:
    if asked is None:
        return now
    if asked < now and _points_given():
        if asked == in_force.effective_at:
            return now  # what was read is sent back with a change
        raise EffectiveInThePast(pointer="/effective_at")
    return asked


def _check_currency(old: str, new: str, effective_at: datetime, now: datetime) -> None:
    if new == old:
        return
    if _points_given():
        raise CurrencyLocked(pointer="/currency", currency=old)
    if effective_at > now:
        raise CurrencyNotSchedulable(pointer="/effective_at")


def _points_given() -> bool:
    return bool(db.session.scalar(select(exists().select_from(PointsEntry))))


def _row_at(instant: datetime) -> ProgrammeVersion:
    order = ProgrammeVersion.effective_at.desc(), ProgrammeVersion.version.desc()
    reached = select(ProgrammeVersion).where(ProgrammeVersion.effective_at <= instant)
    found = db.session.scalars(reached.order_by(*order).limit(1)).first()
    assert found is not None, "version 1 is in force since 1970, and no instant is earlier"
    return found


def _newest() -> ProgrammeVersion:
    order = ProgrammeVersion.version.desc()
    return db.session.scalars(select(ProgrammeVersion).order_by(order).limit(1)).one()


def _shown(row: ProgrammeVersion, currency: str) -> dict[str, Any]:
    stamps = {"version": row.version, "effective_at": row.effective_at}
    return stamps | merged(DEFAULTS, row.document) | {"currency": currency}


def _audit(base: ProgrammeVersion, row: ProgrammeVersion, now: datetime) -> None:
    def told(version: ProgrammeVersion) -> dict[str, Any]:
        since = version.effective_at.isoformat()
        return {"version": version.version, "effective_at": since, **version.document}

    before, after = told(base), told(row)
    audit.record(
        "programme.changed", "points_programme", row.version, now=now, before=before, after=after
    )
