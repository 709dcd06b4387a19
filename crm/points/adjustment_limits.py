"""How many points one person, or program, may adjust alone: at once, and on one day.

The row of a person's day is also the lock that makes his parallel adjustments wait for each other.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert

from crm.db import db
from crm.http.principal import Principal
from crm.members.models import Store
from crm.points.adjustment_models import AdjustmentDay
from crm.points.programme_settings import AdjustmentLimit, Programme

UNLIMITED = AdjustmentLimit(None, None)
NOTHING = AdjustmentLimit(0, 0)


@dataclass(frozen=True, slots=True)
class Day:
    """One actor's day: what he answered for on it, points given and taken added up."""

    actor_id: UUID | None
    day: date
    used: int


def alone(who: Principal, programme: Programme) -> AdjustmentLimit:
    """What `who` may adjust without a second person."""
    if who.kind == "system" or who.role == "admin":
        return UNLIMITED
    if who.kind == "key":
        return programme.adjustment_by_keys
    return programme.adjustment.get(who.role or "", NOTHING)


def deciding(who: Principal, programme: Programme) -> AdjustmentLimit:
    """What `who` may approve: people as much as alone.

    A key that was given the permission to decide speaks for whoever decides behind it.
    """
    return UNLIMITED if who.kind == "key" else alone(who, programme)


def locked_day(who: Principal, programme: Programme, now: datetime) -> Day:
    """Today of this actor, locked until the transaction ends. By his store's clock, else the
    programme's. The system has no days."""
    today = _day(who, programme, now)
    if who.id is None:
        return Day(None, today, 0)
    fresh = insert(AdjustmentDay).values(actor_id=who.id, day=today)
    db.session.execute(fresh.on_conflict_do_nothing())
    used = db.session.execute(_used(who.id, today).with_for_update()).scalar_one()
    return Day(who.id, today, used)


def day(who: Principal, programme: Programme, now: datetime) -> Day:
    """Today of this actor, to show."""
    today = _day(who, programme, now)
    return Day(who.id, today, db.session.scalar(_used(who.id, today)) or 0)


def count(day: Day, points: int) -> None:
    """Add an adjustment, given or taken, to a locked day."""
    if day.actor_id is not None:
        this = update(AdjustmentDay).filter_by(actor_id=day.actor_id, day=day.day)
        db.session.execute(this.values(points=AdjustmentDay.points + abs(points)))


def _used(actor_id: UUID | None, day: date) -> Select[int]:
    return select(AdjustmentDay.points).filter_by(actor_id=actor_id, day=day)


def _day(who: Principal, programme: Programme, now: datetime) -> date:
    zone = None
    if who.store is not None:
        zone = db.session.scalar(select(Store.timezone).where(Store.code == who.store))
    return now.astimezone(ZoneInfo(zone) if zone else programme.zone).date()
