"""Members as the tests of this room make them."""

from datetime import datetime
from typing import Any

from crm.db import db, transaction
from crm.members import registration, stores
from crm.members.models import Member

SHOPS = {"jingan": "Asia/Shanghai", "hongkong": "Asia/Hong_Kong"}


def open_shops(now: datetime) -> None:
    """Two shops."""
    with transaction():
        for code, zone in SHOPS.items():
            name = {"en": code.title(), "zh-Hans": f"{code}店"}
            stores.put({"code": code, "name": name, "timezone": zone}, now=now)


def join(now: datetime, /, **body: Any) -> Member:
    """Somebody registers."""
    with transaction():
        member, _ = registration.register(body, now=now)
    return member


def count(model: type) -> int:
    """How many rows there are."""
    return db.session.query(model).count()
