"""Bringing a database to the newest schema, from any number of processes at once."""

from functools import cache
from pathlib import Path

from alembic import command, op
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parent.parent


def alembic_config(url: str | None = None) -> AlembicConfig:
    """Alembic's settings for this project, whatever the working directory."""
    settings = AlembicConfig(str(ROOT / "alembic.ini"))
    settings.set_main_option("script_location", str(ROOT / "migrations"))
    if url:
        settings.attributes["url"] = url
    return settings


@cache
def newest() -> str:
    """The revision that this program was written for."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None
    return head


def upgrade(url: str, to: str = "head") -> None:
    """Upgrade the database at `url` (SQLAlchemy address); waits while another process does."""
    command.upgrade(alembic_config(url), to)


def script(sql: str) -> None:
    """Run a script of several statements inside a migration, as it stands (no bind parameters)."""
    cursor = op.get_bind().connection.cursor()
    cursor.execute(sql)
    cursor.close()
