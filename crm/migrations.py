"""Bringing a database to the newest schema, from any number of processes at once.

Alembic takes 8 MB of memory: only a process that needs it loads it.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

ROOT = Path(__file__).resolve().parent.parent


def alembic_config(url: str | None = None) -> "AlembicConfig":
    """Alembic's settings for this project, whatever the working directory."""
    settings = import_module("alembic.config").Config(str(ROOT / "alembic.ini"))
    settings.set_main_option("script_location", str(ROOT / "migrations"))
    if url:
        settings.attributes["url"] = url
    return settings


@cache
def newest() -> str:
    """The revision that this program was written for."""
    scripts = import_module("alembic.script").ScriptDirectory.from_config(alembic_config())
    head = scripts.get_current_head()
    assert head is not None
    return head


def upgrade(url: str, to: str = "head") -> None:
    """Upgrade the database at `url` (SQLAlchemy address); waits while another process does."""
    import_module("alembic.command").upgrade(alembic_config(url), to)


def script(sql: str) -> None:
    """Run a script of several statements inside a migration, as it stands (no bind parameters)."""
    cursor = import_module("alembic.op").get_bind().connection.cursor()
    cursor.execute(sql)
    cursor.close()
