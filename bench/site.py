"""A place to measure in: a durable PostgreSQL and a Valkey of our own, and servers beside them."""

import dataclasses
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from flask import Flask
from sqlalchemy import make_url

from bench import cpu
from crm import migrations
from crm.app import create_app
from crm.auth import keys
from crm.clock import system_now
from crm.config import Config
from crm.db import db, transaction
from crm.http.principal import SYSTEM
from crm.launcher import homes, programs, services
from crm.launcher.address import Address
from crm.launcher.homes import Home
from crm.launcher.processes import Process, spawn, stop

_START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A web server under measurement: where it listens, and the process above its workers."""

    address: Address
    process: Process


@dataclass(frozen=True)
class Site:
    """Addresses, and the settings of the programs that run here (production mode)."""

    home: Home
    database_url: str
    environment: Mapping[str, str]
    postgres: int

    def new_database(self, name: str) -> str:
        """The address of a new, empty database on the same server, for those we compare with."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return make_url(self.database_url).set(database=name).render_as_string(False)

    def app(self, database_url: str | None = None) -> Flask:
        """The application in this process, for seeding and checking."""
        own = {"DATABASE_URL": database_url} if database_url else {}
        return create_app(Config.read({**self.environment, **own}))

    @contextmanager
    def serving(
        self,
        name: str,
        database_url: str,
        application: Sequence[str] = ("wsgi:app",),
        python: str | None = None,
    ) -> Iterator[Server]:
        """A WSGI application under the very granian settings that the launcher gives ours.

        `python` is the interpreter, where it is not this one.
        """
        address = Address("127.0.0.1", free_port())
        web = programs.servers(self.home, self.environment, address)[-1]
        place = web.command.index("wsgi:app")
        program = dataclasses.replace(
            web,
            name=name,
            command=(
                python or web.command[0],
                *web.command[1:place],
                *application,
                *web.command[place + 1 :],
            ),
            environment={**web.environment, "DATABASE_URL": database_url},
            log=self.home.log(name),
        )
        process = spawn(program)
        try:
            self._wait_until_it_answers(name, address, process)
            yield Server(address, process)
        finally:
            stop(program, process, program.grace_seconds)

    def _wait_until_it_answers(self, name: str, address: Address, process: Process) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not address.answers("/healthz"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} does not start:\n{self.home.last_words(name)}")
            time.sleep(0.1)


@contextmanager
def open_site(folder: Path | None = None) -> Iterator[Site]:
    """A migrated, empty, durable installation in a new folder; all of it is gone at the end.

    `folder` says on which disk; the default is the machine's place for temporary files.
    """
    with ExitStack() as ending:
        place = Path(tempfile.mkdtemp(prefix="regulars-bench-", dir=folder))
        ending.callback(shutil.rmtree, place)
        place.chmod(0o711)  # started as root, PostgreSQL runs under another account: let it pass
        urls = ending.enter_context(services.running(place / "services", durable=True))
        home = ending.enter_context(homes.occupy(place / "programs", os.getpid()))
        given = {"CRM_SANDBOX": "0", "DATABASE_URL": urls[0], "REDIS_URL": urls[1]}
        surroundings = {"PATH": os.environ["PATH"]}
        environment = programs.environment(home, Address("127.0.0.1", 0), surroundings | given)
        site = Site(home, urls[0], environment, _postmaster(urls[0]))
        migrations.upgrade(Config.read(environment).sqlalchemy_url)
        yield site


def new_key(app: Flask, *scopes: str) -> str:
    """The secret of a new live API key with these scopes."""
    with app.app_context(), transaction():
        return keys.create("bench", scopes, by=SYSTEM, now=system_now())[1]


def close(app: Flask) -> None:
    """Give back the connections that this process holds."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _postmaster(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        return cpu.parent(connection.info.backend_pid)
