"""What an installation knows of itself: small facts by name, in the transaction of their cause."""

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base, db


class Installation(Base):
    """One fact."""

    __tablename__ = "installation"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)


def read(key: str) -> Any | None:
    """The fact of this name, or None."""
    return db.session.scalar(text("SELECT value FROM installation WHERE key = :key"), {"key": key})


def write(key: str, value: Any) -> None:
    """Set a fact in the caller's transaction."""
    db.session.execute(
        text("""
            INSERT INTO installation (key, value) VALUES (:key, CAST(:value AS jsonb))
            ON CONFLICT (key) DO UPDATE SET value = excluded.value
        """),
        {"key": key, "value": json.dumps(value)},
    )
