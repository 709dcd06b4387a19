"""The embedded Valkey: keeps what Redis would, and is reached by a socket only."""

import shutil
import socket
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from .binaries import valkey_server
from .errors import CannotStart
from .homes import Home
from .processes import Process, Program

_LONGEST_SOCKET = 100  # the kernel's limit is 107 bytes
_START_SECONDS = 60


class Valkey:
    """The server of one home: run `program`, `wait_until_ready`, in the end `tidy`."""

    def __init__(self, home: Home, *, lasting: bool) -> None:
        self._home = home
        self._lasting = lasting
        self._folder = home.folder("valkey")
        self._short: Path | None = None
        if len(f"{self._folder}/socket".encode()) > _LONGEST_SOCKET:
            self._short = Path(tempfile.mkdtemp(prefix="regulars-", dir="/tmp"))
        self._socket = (self._short or self._folder) / "socket"

    def program(self) -> Program:
        """The server; SIGTERM lets it write all down and stop."""
        return Program(
            name="valkey",
            command=(
                *(str(valkey_server()), "--dir", str(self._folder), "--port", "0"),
                *("--unixsocket", str(self._socket), "--unixsocketperm", "700"),
                *("--appendonly", "yes" if self._lasting else "no", "--save", ""),
                *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
            ),
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            log=self._home.log("valkey"),
            held=(self._home.lock,),
            saves=True,
        )

    def wait_until_ready(self, process: Process) -> str:
        """The address that redis-py takes."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise CannotStart(f"Valkey did not start.\n{self._home.last_words('valkey')}")
            time.sleep(0.01)
        return f"unix://{quote(str(self._socket))}"

    def tidy(self) -> None:
        """Remove what only the run needed, once the server has stopped."""
        self._socket.unlink(missing_ok=True)
        if self._short:
            self._short.rmdir()
        if not self._lasting:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        """Spoken by hand: loading a client library would take longer than Valkey's start."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith(b"+PONG")
            except OSError:  # not there yet; a server that still loads says so instead of PONG
                return False
