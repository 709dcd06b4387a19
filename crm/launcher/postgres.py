"""The embedded PostgreSQL: a cluster in the home, reached by a socket and a password only."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from . import accounts, machine
from .binaries import postgres_programs
from .errors import CannotStart
from .homes import Home
from .processes import Process, Program

_USER = "regulars"
_PORT = 5432  # only part of the socket's name: nothing listens on the network
_LONGEST_SOCKET = 100  # the kernel's limit is 107 bytes
_START_SECONDS = 120  # recovery after a power cut can take this long

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "random_page_cost": "1.1",  # made for solid-state disks
    "jit": "off",  # compiling costs short statements more than it saves
}
_LASTING_SETTINGS = {
    "max_wal_size": "2GB",
    "min_wal_size": "512MB",  # to write into a file anew is cheaper than to make one
}
# A cluster for tests may be lost with the machine; it must only be quick.
_PASSING_SETTINGS = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class Postgres:
    """The cluster of one home: `prepare`, run `program`, `wait_until_ready`, in the end `tidy`."""

    def __init__(self, home: Home, *, lasting: bool) -> None:
        self._home = home
        self._lasting = lasting
        self._password = home.secret("postgres")
        self.account = accounts.postgres_account(home.path / "postgres" / "data")
        self._programs = postgres_programs(self.account)
        self.place = self._find_place()
        self._data = self.place / "data"
        self._socket = self._socket_folder()

    @property
    def whose(self) -> str:
        """As what account it runs, for the terminal; empty when that is our own."""
        return f" as account {self.account.pw_name}" if self.account else ""

    def prepare(self) -> None:
        """Make the cluster on the first start; refuse one that another version wrote."""
        if not self._data.exists():
            self._initialise()
        written_by = (self._data / "PG_VERSION").read_text().strip()
        if written_by != self.version().split(".")[0]:
            raise CannotStart(
                f"the database in {self.place} was written by PostgreSQL {written_by}; this is"
                f" {self.version()}. Dump it with the old one and load it here (pg_dump, psql), or"
                " set CRM_PG_BIN to the folder of the old one's programs."
            )
        # We hold the home and all that ran in it has ended, so what these files say is stale. A
        # new process with an old one's number would otherwise keep PostgreSQL from starting.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        shutil.rmtree(self._socket, ignore_errors=True)
        accounts.own(self.account, self._socket)

    def version(self) -> str:
        """Of the programs, like "18.6"."""
        answer = self._run("postgres", "--version")
        found = re.search(r"\d+(\.\d+)*", answer)
        if not found:
            raise CannotStart(f"cannot read PostgreSQL's version from {answer!r}")
        return found[0]

    def program(self) -> Program:
        """The server. SIGINT lets it end its connections, write all down and stop."""
        lasting = _LASTING_SETTINGS | machine.for_postgres(machine.memory(), machine.processors())
        settings = _SETTINGS | (lasting if self._lasting else _PASSING_SETTINGS)
        settings["unix_socket_directories"] = str(self._socket)
        return Program(
            name="postgres",
            command=(
                *(str(self._programs / "postgres"), "-D", str(self._data), "-p", str(_PORT)),
                *_options(settings),
            ),
            environment=_ENVIRONMENT,
            log=self._home.log("postgres"),
            account=self.account,
            stop_signal=signal.SIGINT,
            grace_seconds=20.0,
            held=(self._home.lock,),
            saves=True,
        )

    def wait_until_ready(self, process: Process, database: str) -> str:
        """The address of a database in it (libpq and SQLAlchemy take it), made if need be."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._ensure(database)
                break
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise CannotStart(
                        f"PostgreSQL did not start ({error}).\n{self._home.last_words('postgres')}"
                    ) from error
                time.sleep(0.02)
        host = quote(str(self._socket), safe="")
        return f"postgresql://{_USER}:{self._password}@/{database}?host={host}&port={_PORT}"

    def tidy(self) -> None:
        """Remove what only the run needed, once the server has stopped."""
        shutil.rmtree(self._socket, ignore_errors=True)
        if not self._lasting:
            shutil.rmtree(self.place, ignore_errors=True)

    def _find_place(self) -> Path:
        pointer = self._home.path / "postgres.place"
        if pointer.exists():
            return Path(pointer.read_text())
        if self.account and not accounts.can_use(self.account, self._home.path):
            place = accounts.place_outside(self.account, lasting=self._lasting)
            pointer.write_text(str(place))
            return place
        place = self._home.path / "postgres"
        place.mkdir(exist_ok=True)
        place.chmod(0o711)  # its folders are closed; the account has to get to them
        return place

    def _socket_folder(self) -> Path:
        folder = self.place / "socket"
        if len(f"{folder}/.s.PGSQL.{_PORT}".encode()) > _LONGEST_SOCKET:
            return Path(tempfile.mkdtemp(prefix="regulars-", dir="/tmp"))
        return folder

    def _initialise(self) -> None:
        half = self.place / "data.new"
        shutil.rmtree(half, ignore_errors=True)  # left by a start that was killed
        secret = accounts.own(self.account, half) / "password"
        secret.write_text(self._password)
        accounts.give(self.account, secret)
        cluster = half / "cluster"
        self._run(
            *("initdb", "--pgdata", str(cluster), "--username", _USER),
            *("--auth", "scram-sha-256", "--pwfile", str(secret)),
            *("--encoding", "UTF8", "--locale", "C.UTF-8"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--no-instructions", *(() if self._lasting else ("--no-sync",))),
        )
        cluster.rename(self._data)
        shutil.rmtree(half)

    def _run(self, name: str, *options: str) -> str:
        account = self.account
        done = subprocess.run(
            (str(self._programs / name), *options),
            env=_ENVIRONMENT,
            cwd="/",
            capture_output=True,
            text=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode:
            raise CannotStart(f"PostgreSQL's {name} failed: {done.stderr.strip()}")
        return done.stdout

    def _ensure(self, database: str) -> None:
        with psycopg.connect(
            host=str(self._socket),
            port=_PORT,
            user=_USER,
            password=self._password,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            known = "SELECT 1 FROM pg_database WHERE datname = %s"
            if not connection.execute(known, [database]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
