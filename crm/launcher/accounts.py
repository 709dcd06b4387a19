"""The account that PostgreSQL runs under (it refuses root), and folders that account can use."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from .errors import CannotStart

_LASTING_PLACES = Path("/var/lib/regulars")
_CANDIDATES = ("postgres", "nobody")


def postgres_account(data: Path) -> pwd.struct_passwd | None:
    """Another account to run PostgreSQL under when we are root, else None: our own will do.

    It is the owner of the cluster's folder `data` where there is one: PostgreSQL insists on that.
    """
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    if owner:
        return pwd.getpwuid(owner)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _CANDIDATES:
        if name in known:
            return known[name]
    raise CannotStart(
        "PostgreSQL does not run as root, and this machine has neither an account 'postgres' nor"
        " 'nobody'. Start as an ordinary user, or set DATABASE_URL."
    )


def can_use(account: pwd.struct_passwd | None, path: Path) -> bool:
    """Whether the account may enter a folder, or run a file (every folder above it counts)."""
    if account is None:
        return os.access(path, os.X_OK)
    test = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return test.returncode == 0


def own(account: pwd.struct_passwd | None, folder: Path) -> Path:
    """Make the folder if need be and give it to the account, closed to everyone else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)
    return folder


def give(account: pwd.struct_passwd | None, file: Path) -> None:
    """Make it the account's own file, which nobody else can read."""
    file.chmod(0o600)
    if account:
        os.chown(file, account.pw_uid, account.pw_gid)


def place_outside(account: pwd.struct_passwd, *, lasting: bool) -> Path:
    """A new folder that the account can enter, for when it cannot enter our own home."""
    if lasting:
        try:
            _open_to_all(_LASTING_PLACES)
        except OSError as error:
            raise CannotStart(
                f"account '{account.pw_name}', which PostgreSQL runs under, can enter neither the"
                f" home nor {_LASTING_PLACES} ({error.strerror}). Set CRM_HOME to a folder that"
                " it can enter, or start as an ordinary user."
            ) from error
    for parent in (_LASTING_PLACES,) if lasting else (Path(tempfile.gettempdir()), Path("/tmp")):
        if can_use(account, parent):
            place = parent / f"regulars-{secrets.token_hex(4)}"
            place.mkdir()
            place.chmod(0o711)  # not left to the umask
            return place
    raise CannotStart(f"account '{account.pw_name}' can enter no folder for temporary files")


def shared_copy(account: pwd.struct_passwd, source: dict[str, Path], name: str) -> Path:
    """A copy of some folders, by name, where the account can read them; made once per `name`.

    Owned by root, so that the account cannot change what it runs.
    """
    copy = _LASTING_PLACES / name
    if not copy.exists():
        _open_to_all(_LASTING_PLACES)
        half = _LASTING_PLACES / f"{name}-{secrets.token_hex(4)}"
        for folder, original in source.items():
            shutil.copytree(original, half / folder, symlinks=True)
        _make_readable(half)
        try:
            half.rename(copy)
        except OSError:  # another start finished the same copy first
            shutil.rmtree(half)
    return copy


def _open_to_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def _make_readable(folder: Path) -> None:
    """Whatever the umask was when the originals were installed."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)
