"""The home: the one folder that holds an installation's state, and the lock that guards it."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import CannotStart

_STOPPING_SECONDS = 60
_LONGEST_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class Home:
    """A home that we hold: nobody else starts in it until we and all our processes have ended.

    `lock` is the locked file's descriptor. Every process that we start keeps it open, so the lock
    outlasts us exactly as long as the last of them lives.
    """

    path: Path
    lock: int

    def folder(self, name: str) -> Path:
        """A folder of the home, for our own account only."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """Where the program of that name writes; what has grown too long is put aside once."""
        log = self.folder("logs") / f"{name}.log"
        if log.exists() and log.stat().st_size > _LONGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        return log

    def figures(self) -> Path:
        """Where the web's processes share their measurements; emptied, for they begin anew."""
        folder = self.folder("figures")
        for file in folder.glob("*.db"):
            file.unlink()
        return folder

    def last_words(self, name: str) -> str:
        """The end of that program's log."""
        log = self.path / "logs" / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(f"    {line}" for line in [*lines[-12:], f"(all of it: {log})"])

    def secret(self, name: str) -> str:
        """A random text that is made once and kept in a file only we can read."""
        file = self.path / f"{name}.secret"
        if not file.exists():
            half = self.path / f"{name}.secret.new"
            _write_private(half, secrets.token_urlsafe(36))
            half.rename(file)  # so that a kill never leaves half a secret
        return file.read_text()

    def announce(self, facts: Mapping[str, Any]) -> None:
        """Tell others who runs here: see `who_runs`."""
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, json.dumps(dict(facts)).encode(), 0)


def choose(environ: Mapping[str, str], checkout: Path) -> Path:
    """CRM_HOME, else `var` in the checkout, else (not ours to write in) a place of the user's."""
    if environ.get("CRM_HOME"):
        return Path(environ["CRM_HOME"]).absolute()
    if os.access(checkout, os.W_OK) or os.access(checkout / "var", os.W_OK):
        return checkout / "var"
    state = environ.get("XDG_STATE_HOME") or Path(
        environ.get("HOME", "/nonexistent"), ".local/state"
    )
    return Path(state, "regulars", hashlib.sha256(os.fsencode(checkout)).hexdigest()[:8])


@contextlib.contextmanager
def occupy(path: Path, process: int) -> Iterator[Home]:
    """Take the home for the run whose first process is `process`.

    Raises `CannotStart` when another run has it. One that was killed is waited for until the last
    of its processes has ended.
    """
    try:
        path.mkdir(mode=0o711, parents=True, exist_ok=True)
        lock = os.open(path / "running.json", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"cannot write in {path}: {error.strerror}. Set CRM_HOME to a folder that you own."
        ) from error
    try:
        _wait_for(lock, path)
        home = Home(path, lock)
        home.announce({"process": process})
        try:
            yield home
        finally:
            os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def who_runs(path: Path) -> dict[str, Any] | None:
    """What the run that holds this home announced, or None when none does."""
    try:
        facts = json.loads((path / "running.json").read_text())
    except (OSError, ValueError):
        return None
    return facts if _lives(facts["process"]) else None


def _wait_for(lock: int, path: Path) -> None:
    deadline = time.monotonic() + _STOPPING_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _refuse_if_it_lives(path)
        if time.monotonic() > deadline:
            raise CannotStart(f"processes of an earlier run in {path} have still not ended")
        time.sleep(0.05)


def _refuse_if_it_lives(path: Path) -> None:
    facts = who_runs(path)
    if facts:
        address = f" at {facts['base_url']}" if "base_url" in facts else ""
        raise CannotStart(
            f"already running{address} (process {facts['process']}, CRM_HOME {path}).\n"
            "Another one beside it: CRM_HOME=elsewhere PORT=8001 python3 dev.py run"
        )


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as stream:
        stream.write(text)
