"""Migrations make the tables that the models describe, one after the other."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from crm.db import db
from crm.migrations import alembic_config, newest
from crm.rooms import METADATA

SQL_ONLY = {"idempotency_key", "sandbox_clock"}  # touched by SQL functions and plain statements
VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"


def test_there_is_one_newest_migration_and_their_files_stand_in_order(no_database: None):
    script = ScriptDirectory.from_config(alembic_config())
    assert script.get_heads() == [newest()]
    chain = [revision.revision for revision in script.walk_revisions()][::-1]
    names = sorted(path.stem for path in VERSIONS.glob("*.py"))
    assert [name.split("_")[0] for name in names] == chain
    assert chain == [f"{number:04}" for number in range(1, len(chain) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+", name) for name in names)


def test_the_migrated_database_is_what_the_models_say(context: None):
    connection = db.session.connection()
    options = {"compare_type": True, "include_name": has_model}
    migrated = MigrationContext.configure(connection, opts=options)
    found = compare_metadata(migrated, METADATA)
    assert [change for change in found if not is_comment(change)] == []


def has_model(name: str | None, kind: str, parents: object) -> bool:
    """Whether a name of the database should be found in the models."""
    return kind != "table" or name not in SQL_ONLY


def is_comment(change: tuple | list) -> bool:
    """Comments help who reads the database by hand; models have docstrings instead."""
    first = change[0][0] if isinstance(change[0], tuple) else change[0]
    return "comment" in first


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_every_table_has_a_primary_key(no_database: None, table: str):
    assert list(METADATA.tables[table].primary_key)
