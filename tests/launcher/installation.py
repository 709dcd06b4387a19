"""A copy of the launcher with stand-ins for the programs it runs, to start, watch and kill."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
PATIENCE_SECONDS = 150  # a busy machine is not a broken one


class Installation:
    """State in `folder/home`, every start on the same port; our own checkout, or of stand-ins."""

    def __init__(self, folder: Path, checkout: Path | None = None) -> None:
        self.folder = folder
        self.checkout = checkout or folder / "shop"
        self.home = folder / "home"
        self.said = folder / "said"
        self.port = free_port()
        if not checkout:
            shutil.copytree(STAND_INS, self.checkout)
            shutil.copytree(REPOSITORY / "crm" / "launcher", self.checkout / "crm" / "launcher")

    def start(
        self, account: pwd.struct_passwd | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start it; what it says goes to the file `said`."""
        inherited = {name: value for name, value in os.environ.items() if not _sets(name)}
        own = {"CRM_HOME": str(self.home), "PORT": str(self.port)}
        with open(self.said, "w") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "crm.launcher"],
                cwd=self.checkout,
                env=inherited | own | environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )

    def start_until_ready(
        self, account: pwd.struct_passwd | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start it and wait until it says that all is ready."""
        launcher = self.start(account, **environment)
        wait_until(lambda: "Ready after" in self.output() or launcher.poll() is not None)
        assert launcher.poll() is None, self.output()
        return launcher

    def run(self, **environment: str) -> int:
        """Start it and wait for its end; the exit code."""
        return self.start(**environment).wait(PATIENCE_SECONDS)

    def output(self) -> str:
        """What the last start has said so far."""
        return self.said.read_text()

    def processes(self) -> dict[int, str]:
        """Number and command line of every process that works in our folders or for our home."""
        home = f"CRM_HOME={self.home}\0".encode()
        places = [str(self.folder)]
        pointer = self.home / "postgres.place"
        if pointer.exists():
            places.append(pointer.read_text())
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended while we looked
                inside = os.readlink(entry / "cwd").startswith(tuple(places))
                if inside or home in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        return found

    def process(self, words: str) -> int:
        """The number of the oldest process with these words in its command line."""
        return min(number for number, line in self.processes().items() if words in line)

    def remove(self) -> None:
        """End what a failed test may have left, and delete everything."""
        for number in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        pointer = self.home / "postgres.place"
        if pointer.exists():
            shutil.rmtree(pointer.read_text())
        shutil.rmtree(self.folder)


def open_folder() -> Path:
    """Not pytest's own, which is closed to the account that PostgreSQL runs under."""
    folder = Path(tempfile.mkdtemp(prefix="launcher-"))
    folder.chmod(0o711)
    return folder


def wait_until(true: Callable[[], object]) -> None:
    """Fails when it is still not so after a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.03)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _sets(name: str) -> bool:
    return name.startswith("CRM_") or name in ("DATABASE_URL", "REDIS_URL", "HOST", "PORT")
