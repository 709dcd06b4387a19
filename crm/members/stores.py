"""The shops and web shops: what orders call them, their names, their clocks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from crm import audit
from crm.db import db
from crm.errors import N_
from crm.i18n import locale
from crm.members.errors import StoreExists, StoreNotFound, invalid_field
from crm.members.models import Store

UNKNOWN_ZONE = N_("There is no time zone of this name.")


def listed(after: str = "", limit: int | None = None) -> list[Store]:
    """Stores by code, closed ones too; those after a code, at most `limit`."""
    query = select(Store).where(Store.code > after).order_by(Store.code).limit(limit)
    return list(db.session.scalars(query))


def get(code: str) -> Store:
    """One store. Raises `StoreNotFound`."""
    found = db.session.get(Store, code)
    if found is None:
        raise StoreNotFound()
    return found


def create(body: Mapping[str, Any], *, now: datetime) -> Store:
    """Open a store. Raises `StoreExists`, and `Invalid` for an unknown time zone."""
    values = _values(body) | {"code": body["code"], "created_at": now}
    done = db.session.execute(
        insert(Store).values(values).on_conflict_do_nothing().returning(Store.code)
    )
    if done.scalar() is None:
        raise StoreExists(pointer="/code")
    store = get(body["code"])
    audit.record("store.created", "store", store.code, after=_shown(store), now=now)
    return store


def change(code: str, body: Mapping[str, Any], *, now: datetime) -> Store:
    """Write a store's name, kind, zone and whether it is closed. Raises as `create` and `get`."""
    store = get(code)
    before = _shown(store)
    for name, value in _values(body).items():
        setattr(store, name, value)
    closed = body.get("closed", False)
    if closed != (store.closed_at is not None):
        store.closed_at = now if closed else None
    audit.record("store.changed", "store", code, before=before, after=_shown(store), now=now)
    return store


def put(body: Mapping[str, Any], *, now: datetime) -> Store:
    """Open the store, or write it when it is there: for set-up that may run twice."""
    found = db.session.get(Store, body["code"])
    return create(body, now=now) if found is None else change(found.code, body, now=now)


def names() -> dict[str, str]:
    """The stores' names in the reader's language, by code."""
    return {store.code: name_of(store.name) for store in listed()}


def name_of(by_locale: Mapping[str, str]) -> str:
    """The name in the reader's language, else in English, else in any."""
    return by_locale.get(locale()) or by_locale.get("en") or next(iter(by_locale.values()), "")


def is_zone(name: str) -> bool:
    """Whether the time zone database has this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, a folder of the database
        return False
    return True


def _values(body: Mapping[str, Any]) -> dict[str, Any]:
    zone = body.get("timezone")
    if zone is not None and not is_zone(zone):
        raise invalid_field("/timezone", "unknown_timezone", UNKNOWN_ZONE)
    return {"name": dict(body["name"]), "kind": body.get("kind", "shop"), "timezone": zone}


def _shown(store: Store) -> dict[str, Any]:
    closed = store.closed_at is not None
    return {
        "name": store.name,
        "kind": store.kind,
        "timezone": store.timezone,
        "closed": closed,
    }
