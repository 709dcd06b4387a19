"""Runs the migrations: one process at a time, never waiting long for a lock that traffic holds."""

import os

from alembic import context
from sqlalchemy import create_engine, pool, text

from crm.rooms import METADATA

MIGRATING = 7_301_111  # advisory lock: only one process migrates


def url() -> str:
    """The address given by the program, else by the environment."""
    given = context.config.attributes.get("url") or os.environ["DATABASE_URL"]
    return given.replace("postgresql://", "postgresql+psycopg://", 1)


def run() -> None:
    """Bring the database up; each migration is a transaction of its own."""
    engine = create_engine(url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATING})
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            transaction_per_migration=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
