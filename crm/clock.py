"""The only reader of the system clock. In the sandbox, time can be moved and then stands."""

from datetime import UTC, datetime

from sqlalchemy import text

from crm.config import Config
from crm.db import config, db

__all__ = ["now", "system_now"]


def system_now() -> datetime:
    """The instant by the system's clock: aware, UTC. Rules never call this."""
    return datetime.now(UTC)


def now() -> datetime:
    """The instant that rules go by: the sandbox's once it was moved, else the system's."""
    settings: Config = config()
    if not settings.sandbox:
        return system_now()
    statement = text("SELECT sandbox_now(:system)")
    return db.session.execute(statement, {"system": system_now()}).scalar_one()
